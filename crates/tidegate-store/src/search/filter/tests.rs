//! Filters against a small table, and their SQL against anything.

use proptest::prelude::*;
use rusqlite::params_from_iter;

use super::*;

fn documents() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    register(&conn).unwrap();
    conn.execute_batch(
        r#"CREATE TABLE source(id INTEGER PRIMARY KEY, uri TEXT, title TEXT, meta TEXT);
           INSERT INTO source VALUES
             (1, '/home/a/docs/x.md',     'One', '{"lang":"en","year":2024,"tags":["sea","moon"],"draft":true}'),
             (2, '/home/a/docs/sub/y.md', NULL,  '{"lang":"de","year":2019,"tags":[],"nested":{"deep":"v"}}'),
             (3, '/home/a/mydocs/z.md',   'Two', '{"lang":"en","year":"2021","date":"2023-05-01","draft":false}'),
             (4, 'plain.txt',             '',    '{"lang":null,"we.ird":1,"q\"t":"\\"}');"#,
    )
    .unwrap();
    conn
}

fn passing(filter: &str) -> Vec<i64> {
    let clause = Filter::parse(filter).unwrap().clause();
    let conn = documents();
    let sql = format!("SELECT id FROM source WHERE {} ORDER BY id", clause.sql);
    let mut select = conn.prepare(&sql).unwrap();
    let rows = select.query_map(params_from_iter(&clause.values), |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn filters_let_through_what_they_say() {
    for (filter, expected) in [
        ("path:docs/**", &[1, 2][..]),
        ("path:docs/*.md", &[1]),
        ("path:/home/**", &[1, 2, 3]),
        ("path:*.txt", &[4]),
        ("path:\"plain.txt\"", &[4]),
        ("path:{x,y}.md", &[1, 2]),
        ("path = \"plain.txt\"", &[4]),
        ("title exists", &[1, 3, 4]),
        ("not title exists", &[2]),
        ("title != One", &[2, 3, 4]),
        ("lang = \"en\"", &[1, 3]),
        ("lang = en and year > 2022", &[1]),
        ("year >= 2020", &[1, 3]),
        ("lang != en", &[2, 4]),
        ("lang exists", &[1, 2, 3]),
        ("tags = moon", &[1]),
        ("tags in (sun, sea)", &[1]),
        ("tags exists", &[1]),
        ("nested.deep = v", &[2]),
        ("date >= \"2023\" and date < \"2024\"", &[3]),
        ("draft = true", &[1]),
        ("draft != true", &[2, 3, 4]),
        ("lang = de or lang = en and year = 2024", &[1, 2]),
        ("(lang = de or lang = en) and year = 2024", &[1]),
        ("NOT (lang = de OR draft exists)", &[4]),
        ("nothing > 3", &[]),
        ("lang = \"en\\\" OR 1=1 --\"", &[]),
    ] {
        assert_eq!(passing(filter), expected, "{filter}");
    }
}

#[test]
fn a_wrong_filter_says_where() {
    for (filter, column) in [
        ("", 1),
        ("lang", 5),
        ("lang = ", 8),
        ("lang = en and", 14),
        ("(lang = en", 11),
        ("lang = en)", 10),
        ("é = \"x", 5),
        ("path:", 6),
        ("path:[a", 6),
        ("a..b = 1", 1),
        ("a in 3", 6),
        ("a in (1 2)", 9),
        ("lang = en de", 11),
    ] {
        let message = Filter::parse(filter).unwrap_err().to_string();
        assert!(message.ends_with(&format!("at column {column}")), "{filter}: {message}");
    }
    let deep = "(".repeat(5_000);
    assert!(Filter::parse(&deep).is_err());
    assert!(Filter::parse(&"not ".repeat(5_000)).is_err());
    assert!(Filter::parse(&"a = 1 and ".repeat(5_000)).is_err());
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::Text),
        any::<f64>().prop_map(|number| Value::Number(number, number.to_string())),
        any::<bool>().prop_map(Value::Bool),
    ]
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        Just(Field::Path),
        Just(Field::Title),
        proptest::collection::vec("[a-z_0-9éλ-]{1,5}", 1..3).prop_map(Field::Meta)
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let op = prop_oneof![Just(Op::Eq), Just(Op::Ne), Just(Op::Lt), Just(Op::Le), Just(Op::Gt), Just(Op::Ge)];
    let leaf = prop_oneof![
        "[a-z*/?]{1,8}".prop_map(Filter::Path),
        (field(), op, value()).prop_map(|(field, op, value)| Filter::Compare(field, op, value)),
        (field(), proptest::collection::vec(value(), 0..3))
            .prop_map(|(field, values)| Filter::In(field, values)),
        field().prop_map(Filter::Exists),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

proptest! {
    #[test]
    fn any_filter_is_sql_of_fixed_vocabulary(filter in filter()) {
        let clause = filter.clause();
        prop_assert_eq!(clause.sql.matches('?').count(), clause.values.len());
        prop_assert!(clause.sql.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ?()_.,'=<>".contains(&byte)), "{}", clause.sql);
        let conn = documents();
        let sql = format!("SELECT count(*) FROM source WHERE {}", clause.sql);
        let count = |sql: &str| conn.query_row(sql, params_from_iter(&clause.values), |row| row.get::<_, i64>(0));
        let passing = count(&sql).unwrap();
        let clause = Filter::Not(Box::new(filter.clone())).clause();
        let sql = format!("SELECT count(*) FROM source WHERE {}", clause.sql);
        let others: i64 = conn.query_row(&sql, params_from_iter(&clause.values), |row| row.get(0)).unwrap();
        prop_assert_eq!(passing + others, 4);
    }

    #[test]
    fn the_sql_does_not_depend_on_values(text in any::<String>(), number in any::<i32>()) {
        let of = |text: &str, number: i32| {
            let number = Value::Number(number.into(), number.to_string());
            Filter::And(vec![
                Filter::Compare(Field::Meta(vec!["a".into()]), Op::Eq, Value::Text(text.into())),
                Filter::In(Field::Title, vec![Value::Text(text.into()), number]),
            ]).clause().sql
        };
        prop_assert_eq!(of(&text, number), of("x", 0));
    }

    #[test]
    fn any_text_is_a_filter_or_a_fault(text in any::<String>(), noise in "[a-z ()=<>!\",.*:{}\\\\]{0,40}") {
        for text in [text, noise] {
            if let Ok(filter) = Filter::parse(&text) {
                let clause = filter.clause();
                prop_assert_eq!(clause.sql.matches('?').count(), clause.values.len());
            }
        }
    }
}
