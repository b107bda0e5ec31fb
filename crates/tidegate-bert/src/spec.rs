//! What `config.json` says of a model, checked so that every size that follows from it is sound.

use serde::Deserialize;

/// The numbers of a forward pass.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    /// Length of a token's vector.
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    /// Length of a token's vector within a layer's step.
    pub(crate) inner: usize,
    /// The most tokens of a text.
    pub(crate) positions: usize,
    /// How many tokens there are.
    pub(crate) vocabulary: usize,
    /// How many kinds of text a position can belong to; only the first is used.
    pub(crate) types: usize,
    pub(crate) epsilon: f32,
    pub(crate) activation: Activation,
}

/// What is applied within a layer's step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
}

#[derive(Deserialize)]
struct Config {
    model_type: Option<String>,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "tiny")]
    layer_norm_eps: f32,
    #[serde(default = "gelu")]
    hidden_act: String,
    position_embedding_type: Option<String>,
}

fn two() -> usize {
    2
}

fn tiny() -> f32 {
    1e-12
}

fn gelu() -> String {
    "gelu".to_owned()
}

/// Far more than any encoder has, far less than would overflow a product of two.
const MOST_SIDE: usize = 1 << 16;
const MOST_LAYERS: usize = 256;
const MOST_TOKENS: usize = 1 << 24;

impl Spec {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// A fragment that says what is wrong with it, or why no such model can be run.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let config: Config =
            serde_json::from_str(json).map_err(|error| format!("it does not read: {error}"))?;
        if let Some(other) = config.model_type.as_deref().filter(|kind| *kind != "bert") {
            return Err(format!("the model is of type {other:?}; only \"bert\" can be run"));
        }
        if let Some(other) = config.position_embedding_type.as_deref().filter(|kind| *kind != "absolute") {
            return Err(format!("position_embedding_type is {other:?}; only \"absolute\" can be run"));
        }
        let activation = match config.hidden_act.as_str() {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            other => return Err(format!("hidden_act is {other:?}; gelu, gelu_new and relu can be run")),
        };
        let spec = Self {
            hidden: within("hidden_size", config.hidden_size, MOST_SIDE)?,
            layers: within("num_hidden_layers", config.num_hidden_layers, MOST_LAYERS)?,
            heads: within("num_attention_heads", config.num_attention_heads, MOST_SIDE)?,
            inner: within("intermediate_size", config.intermediate_size, MOST_SIDE)?,
            positions: within("max_position_embeddings", config.max_position_embeddings, MOST_SIDE)?,
            vocabulary: within("vocab_size", config.vocab_size, MOST_TOKENS)?,
            types: within("type_vocab_size", config.type_vocab_size, MOST_SIDE)?,
            epsilon: config.layer_norm_eps,
            activation,
        };
        if !spec.hidden.is_multiple_of(spec.heads) {
            return Err(format!("{} numbers cannot be shared by {} heads", spec.hidden, spec.heads));
        }
        if spec.positions < 2 {
            return Err("max_position_embeddings leaves no room for [CLS] and [SEP]".to_owned());
        }
        if !(spec.epsilon >= 0.0 && spec.epsilon < 1.0) {
            return Err(format!("layer_norm_eps is {}", spec.epsilon));
        }
        Ok(spec)
    }
}

fn within(name: &str, value: usize, most: usize) -> Result<usize, String> {
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{name} is {value}, not from 1 to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(changes: &Value) -> Result<Spec, String> {
        let mut config = json!({"model_type": "bert", "hidden_size": 384, "num_hidden_layers": 6,
            "num_attention_heads": 12, "intermediate_size": 1536, "max_position_embeddings": 512, "vocab_size": 30522,
            "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"});
        for (key, value) in changes.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        Spec::read(&config.to_string())
    }

    #[test]
    fn a_configuration_is_read() {
        let spec = read(&json!({"hidden_act": "gelu_new"})).unwrap();
        assert_eq!((spec.hidden, spec.layers, spec.heads), (384, 6, 12));
        assert_eq!(spec.activation, Activation::GeluTanh);
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_the_reason() {
        for (changes, words) in [
            (json!({"model_type": "xlm-roberta"}), "xlm-roberta"),
            (json!({"position_embedding_type": "relative_key"}), "relative_key"),
            (json!({"hidden_act": "silu"}), "silu"),
            (json!({"hidden_size": 0}), "hidden_size"),
            (json!({"hidden_size": -1}), "-1"),
            (json!({"hidden_size": 1_000_000_000_000_u64}), "hidden_size"),
            (json!({"num_hidden_layers": 1_000_000}), "num_hidden_layers"),
            (json!({"num_attention_heads": 7}), "7 heads"),
            (json!({"max_position_embeddings": 1}), "[CLS]"),
            (json!({"layer_norm_eps": -1.0}), "layer_norm_eps"),
            (json!({"vocab_size": null}), "does not read"),
        ] {
            let why = read(&changes).unwrap_err();
            assert!(why.contains(words), "{changes}: {why}");
        }
        assert!(Spec::read("{").unwrap_err().contains("does not read"));
    }
}
