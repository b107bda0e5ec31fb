//! Opening the sink a configuration names.

use std::path::Path;
use std::sync::Arc;

use tidegate_connect::{
    Committed, FieldSelection, JsonlOptions, JsonlSink, OUTPUT, OUTPUT_NEXT, OUTPUT_NEXT_TAIL, OUTPUT_TAIL,
    OUTPUT_WHOLE, ObjectsSink, VectorFormat, WebhookOptions, WebhookSink, settled,
};
use tidegate_core::{Fault, Ledger, Sink};
use tidegate_store::{PipelineLedger, StoreSink};

use crate::config::{self, Config};
use crate::services::Services;

/// How the output is begun.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Begin {
    /// Whether lines must stand in listing order, because the source is resumed from a position.
    pub(crate) in_order: bool,
    /// Whether what is there may be replaced, beside what the configuration allows.
    pub(crate) over: bool,
}

/// Opens where records of `config` go.
///
/// # Errors
/// [`tidegate_core::FaultKind::Guarded`] for an output that is not this pipeline's; [`tidegate_core::FaultKind::Config`] for one that cannot be written.
pub(crate) async fn open_sink(
    config: &Config,
    (ledger, services): (&Arc<PipelineLedger>, &Services),
    begin: Begin,
) -> Result<Box<dyn Sink>, Fault> {
    let jsonl = match &config.sink {
        config::Sink::Store => return Ok(Box::new(StoreSink::new(ledger.clone()))),
        config::Sink::Webhook(webhook) => {
            let deliver = Arc::new(services.web_post(&config.pipeline.name, webhook)?);
            let options = WebhookOptions {
                fields: selection(&webhook.fields, webhook.vectors),
                vectors: format_of(webhook.vectors),
            };
            return Ok(Box::new(WebhookSink::new(deliver, ledger.clone(), options)));
        }
        config::Sink::Jsonl(jsonl) => jsonl,
    };
    let defaults = JsonlOptions::default();
    let options = JsonlOptions {
        fields: match &config.map {
            Some(_) if config.sweeps() => FieldSelection::Lines,
            Some(_) => FieldSelection::Body,
            None => selection(&jsonl.fields, jsonl.vectors),
        },
        vectors: format_of(jsonl.vectors),
        table: jsonl.format.shape(config.map.as_deref()),
        packing: jsonl.format.packing(),
        // A stream is resumed from a position, before which everything must be written: so in order.
        ordered: jsonl.ordered || begin.in_order,
        overwrite: jsonl.overwrite || begin.over,
        ..defaults
    };
    let shared: Arc<dyn Ledger> = ledger.clone();
    if jsonl.path == "-" {
        return Ok(Box::new(JsonlSink::stream(std::io::stdout(), shared, options)));
    }
    let committed = committed(ledger, (OUTPUT, OUTPUT_TAIL)).await?;
    if config.table().is_some() {
        let orders = (options.ordered, options.overwrite);
        return crate::parquet::open_sink(config, jsonl, (committed, shared), orders);
    }
    if let Some(place) = jsonl.place() {
        let options = JsonlOptions { grouping: ObjectsSink::GROUPING, ..options };
        let sink = ObjectsSink::open((&place?, &services.output(jsonl)), committed, shared, options).await?;
        return Ok(Box::new(sink));
    }
    let (path, next) =
        (Path::new(&jsonl.path), self::committed(ledger, (OUTPUT_NEXT, OUTPUT_NEXT_TAIL)).await?);
    let committed = settled(path, committed, next)?;
    let whole = ledger.length(OUTPUT_WHOLE).await?.unwrap_or_default();
    Ok(Box::new(JsonlSink::open(path, committed, shared, options)?.whole_up_to(whole)))
}

async fn committed(
    ledger: &PipelineLedger,
    (length, tail): (&str, &str),
) -> Result<Option<Committed>, Fault> {
    let tail = ledger.length(tail).await?;
    Ok(ledger.length(length).await?.map(|length| Committed { length, tail }))
}

fn format_of(vectors: config::Vectors) -> VectorFormat {
    match vectors {
        config::Vectors::None => VectorFormat::None,
        config::Vectors::Float => VectorFormat::Floats,
        config::Vectors::Base64 => VectorFormat::Base64,
    }
}

/// Which values are written. Saying how vectors are written asks for them, also where other fields are chosen.
fn selection(fields: &[String], vectors: config::Vectors) -> FieldSelection {
    if fields.is_empty() {
        return FieldSelection::All;
    }
    let mut fields = fields.to_vec();
    if vectors != config::Vectors::None && !fields.iter().any(|field| field == "vector") {
        fields.push("vector".to_owned());
    }
    FieldSelection::Only(fields)
}
