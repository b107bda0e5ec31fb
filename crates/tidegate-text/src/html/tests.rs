//! Pages and what is read from them.

use tidegate_core::{BlockKind, Document, Fault, FaultKind};

use crate::page::Room;
use crate::parse::ParseOptions;
use BlockKind::{Code, Heading, List, Paragraph, Table};

fn parse(page: &str, options: &ParseOptions) -> Result<Document, Fault> {
    super::parse(page, options, Room::default())
}

fn read(page: &str) -> Document {
    parse(page, &ParseOptions::default()).unwrap()
}

fn blocks(doc: &Document) -> Vec<(BlockKind, &str)> {
    doc.blocks.iter().map(|block| (block.kind, &doc.text[block.span.clone()])).collect()
}

fn check(page: &str, expect: &[(BlockKind, &str)]) {
    assert_eq!(blocks(&read(page)), expect, "{page}");
}

#[test]
fn paragraphs_and_headings() {
    check(
        "<h1>A <em>b</em></h1><p>one\n  two<p>three<br>four",
        &[(Heading(1), "A b"), (Paragraph, "one two"), (Paragraph, "three\nfour")],
    );
    check("bare <b>text</b>, <i>no</i>tags", &[(Paragraph, "bare text, notags")]);
    check(
        "<h2><div>In a div</div></h2><div>x</div>y",
        &[(Heading(2), "In a div"), (Paragraph, "x"), (Paragraph, "y")],
    );
    check("a&nbsp;b &lt;c&gt; AT&T &hellip;", &[(Paragraph, "a b <c> AT&T …")]);
    check(
        "<h2 id=x>Title <a href=#x>¶</a></h2><h3><a href='#y' class=anchor>§</a> Sub</h3>t",
        &[(Heading(2), "Title"), (Heading(3), "Sub"), (Paragraph, "t")],
    );
}

#[test]
fn lists() {
    check(
        "<p>x<ul><li>a<li><p>b</p><ol><li>c</li><li>d</ol></ul>y",
        &[(Paragraph, "x"), (List, "- a\n- b\n  1. c\n  2. d"), (Paragraph, "y")],
    );
    check(
        "<ol><li>do<pre>\n  x\n  y\n</pre>then</li><li>end</ol>",
        &[(List, "1. do"), (Code, "  x\n  y"), (List, "then\n2. end")],
    );
    check(
        "<dl><dt>term</dt><dd>meaning</dd><dt>t2<dd><p>m2</p><p>more</p></dl>",
        &[(Paragraph, "term\nmeaning"), (Paragraph, "t2\nm2"), (Paragraph, "more")],
    );
}

#[test]
fn code_is_verbatim() {
    check(
        "<pre>\n<span>fn</span> a() {\n\n    b &amp;&amp; c;\n}\n</pre>",
        &[(Code, "fn a() {\n\n    b && c;\n}")],
    );
    check("<pre>a<br>b</pre>", &[(Code, "a\nb")]);
}

#[test]
fn tables_are_rows_of_cells() {
    check(
        "<table><thead><tr><th>a<th>b</thead><tr><td>1</td><td></td><td><p>3</p></td></tr><tr><td></table>",
        &[(Table, "a | b\n1 |  | 3")],
    );
    check(
        "<table><tr><td><h2>Part</h2><p>text</p><ul><li>x</ul></td><td>side</td></table>after",
        &[
            (Heading(2), "Part"),
            (Paragraph, "text"),
            (List, "- x"),
            (Paragraph, "side"),
            (Paragraph, "after"),
        ],
    );
    check("<table><tr><td>alone</table>", &[(Paragraph, "alone")]);
}

#[test]
fn what_is_not_text_is_left_out() {
    check(
        "<script>var a = '<p>';</script><style>p{}</style><p>a<svg><title>t</title><text>x</text></svg>b\
           <noscript>n</noscript><button>k</button><template>q</template>",
        &[(Paragraph, "ab")],
    );
    check("<!-- <p>x</p> -->a<!doctype html><![CDATA[b]]>c", &[(Paragraph, "ac")]);
}

#[test]
fn what_is_left_open_does_not_swallow_the_page() {
    for open in [
        "<button>b",
        "<select><option>o",
        "<html><head><noscript><body>",
        "<head><title>t</title>",
        "<a href=x>",
    ] {
        let doc = read(&format!("{open}<p>text"));
        assert!(doc.text.ends_with("text"), "{open}: {}", doc.text);
    }
}

const PAGE: &str = "<html lang=en><head><title>T &amp; U</title>
    <meta name=description content='What it is.'><meta property=article:published_time content=2024-01-02></head>
    <body><header><a href=/>Site</a> Slogan</header>
    <nav><ul><li><a href=/a>Home</a><li><a href=/b>Docs</a></ul></nav>
    <main><header><h1>Pumps</h1></header><p>The primer must be wet before the pump is started. It says so twice.</p>
    <aside>A note to the reader about the primer.</aside>
    <h2>See also</h2><ul><li><a href=/c>Valves and pipes</a></li><li><a href=/d>Tanks</a></li></ul>
    <h2>Start</h2><p>Open the <a href=/v>valve</a>, then press the button.</p></main>
    <div class='sidebar wide'>Popular now</div><footer>Copyright</footer></body></html>";

#[test]
fn boilerplate_is_left_out() {
    let doc = read(PAGE);
    assert_eq!(
        blocks(&doc),
        [
            (Heading(1), "Pumps"),
            (Paragraph, "The primer must be wet before the pump is started. It says so twice."),
            (Paragraph, "A note to the reader about the primer."),
            (Heading(2), "Start"),
            (Paragraph, "Open the valve, then press the button."),
        ]
    );
    assert_eq!(doc.title.as_deref(), Some("T & U"));
    let meta = serde_json::Value::Object(doc.meta).to_string();
    assert_eq!(meta, r#"{"date":"2024-01-02","description":"What it is.","lang":"en"}"#);
}

#[test]
fn boilerplate_can_be_kept() {
    let options = ParseOptions { keep_boilerplate: true, ..ParseOptions::default() };
    let doc = parse(PAGE, &options).unwrap();
    for text in ["Site Slogan", "- Home\n- Docs", "Popular now", "Copyright", "Valves and pipes"] {
        assert!(doc.text.contains(text), "{text}");
    }
}

#[test]
fn a_page_that_is_all_links_or_all_chrome_is_kept() {
    check(
        "<h1>Index</h1><ul><li><a href=a>One</a><li><a href=b>Two</a></ul>",
        &[(Heading(1), "Index"), (List, "- One\n- Two")],
    );
    check("<div class=sidebar><p>All the text there is.</p></div>", &[(Paragraph, "All the text there is.")]);
    check("<form><p>The whole page is a form.</p></form>", &[(Paragraph, "The whole page is a form.")]);
}

#[test]
fn the_title_is_found_where_there_is_one() {
    let title = |page: &str| read(page).title;
    assert_eq!(title("<meta property=og:title content='O'><h1>H</h1>").as_deref(), Some("O"));
    assert_eq!(title("<h2>x</h2><h1>H</h1>").as_deref(), Some("H"));
    assert_eq!(title("<title> </title><p>x").as_deref(), None);
}

#[test]
fn encodings_are_read_from_the_page() {
    let check = |page: &[u8], expect: Option<&str>| {
        assert_eq!(super::declared_encoding(page).map(encoding_rs::Encoding::name), expect);
    };
    check(b"<meta charset=\"koi8-r\">\xc1", Some("KOI8-R"));
    check(b"<META http-equiv=Content-Type content='text/html; charset=iso-8859-1'>", Some("windows-1252"));
    check(b"<?xml version='1.0' encoding='shift_jis'?><html>", Some("Shift_JIS"));
    check(b"<meta charset=utf-16>", Some("UTF-8"));
    check(b"<p>charset=latin1", None);
}

#[test]
fn deep_nesting_is_refused_but_sloppy_pages_are_not() {
    let kind = |page: String| parse(&page, &ParseOptions::default()).err().map(|fault| fault.kind());
    for tag in ["div", "span", "blockquote", "ul><li", "table><tr><td", "b", "svg", "my-element", "dl><dd"] {
        assert_eq!(kind(format!("<{tag}>").repeat(10_000)), Some(FaultKind::TooDeep), "{tag}");
    }
    for sloppy in
        ["<p>x", "<li>x", "<tr><td>x", "<dt>a<dd>b", "<a href=x>y", "<p><font>x", "<h2>x", "<br>", "</div>"]
    {
        assert_eq!(kind(format!("text {}", sloppy.repeat(10_000))), None, "{sloppy}");
    }
}
