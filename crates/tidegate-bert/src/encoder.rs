//! The forward pass: embeddings, then layers of attention and of a step for each token.
//!
//! The tokens of all texts stand one after another, without padding: linear layers see one long text, attention sees
//! each by itself.

use tidegate_core::Fault;

use crate::attention::{self, Heads};
use crate::bert::Precision;
use crate::gemm::Rten;
use crate::linear::{self, Linear, Weights};
use crate::norm::Norm;
use crate::spec::{Activation, Spec};
use crate::table::{Embeddings, Table};
use crate::tensors::Tensors;

/// Tokens that go through the inner step together: what they become there stays in a core's cache.
const BLOCK: usize = 128;

/// A model, ready to run.
pub(crate) struct Encoder {
    heads: Heads,
    activation: Activation,
    embeddings: Embeddings,
    layers: Vec<Layer>,
}

struct Layer {
    /// Query, key and value of all heads.
    ask: Linear<Rten>,
    gather: Linear<Rten>,
    after_attention: Norm,
    widen: Linear<Rten>,
    narrow: Linear<Rten>,
    after_step: Norm,
}

/// Everything needed on the way, kept from layer to layer.
struct Scratch {
    gemm: Rten,
    asked: Vec<f32>,
    gathered: Vec<f32>,
    wide: Vec<f32>,
    out: Vec<f32>,
    linear: linear::Scratch,
    attention: attention::Scratch,
}

impl Scratch {
    fn new() -> Self {
        let [asked, gathered, wide, out] = Default::default();
        let (linear, attention) = Default::default();
        Self { gemm: Rten::new(), asked, gathered, wide, out, linear, attention }
    }
}

impl Encoder {
    /// Reads the weights.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: tensors that are missing or of another shape than `spec` says.
    pub(crate) fn read(spec: &Spec, tensors: &mut Tensors, precision: Precision) -> Result<Self, Fault> {
        let prefix = if tensors.has("bert.embeddings.word_embeddings.weight") { "bert." } else { "" };
        let gemm = Rten::new();
        let mut reader = Reader { spec, tensors, prefix };
        let embeddings = reader.embeddings(precision)?;
        let layer = |number| reader.layer(number, &gemm, precision);
        let layers = (0..spec.layers).map(layer).collect::<Result<_, _>>()?;
        let heads = Heads { count: spec.heads, width: spec.hidden / spec.heads };
        Ok(Self { heads, activation: spec.activation, embeddings, layers })
    }

    /// The rows that the last layer makes of the tokens of all texts, one after another.
    pub(crate) fn run(&self, texts: &[&[u32]]) -> Vec<f32> {
        let mut rows = Vec::new();
        for ids in texts {
            self.embeddings.append(ids, &mut rows);
        }
        let mut scratch = Scratch::new();
        for layer in &self.layers {
            self.attend(layer, texts, (&mut rows, &mut scratch));
            self.step(layer, &mut rows, &mut scratch);
        }
        rows
    }

    fn attend(&self, layer: &Layer, texts: &[&[u32]], (rows, scratch): (&mut [f32], &mut Scratch)) {
        let Scratch { gemm, asked, gathered, out, linear, attention, .. } = scratch;
        layer.ask.apply((gemm, rows), None, (asked, linear));
        gathered.resize(rows.len(), 0.0);
        let hidden = self.heads.count * self.heads.width;
        let mut from = 0;
        for ids in texts {
            let to = from + ids.len() * hidden;
            self.heads.attend(gemm, &asked[3 * from..3 * to], (&mut gathered[from..to], attention));
            from = to;
        }
        layer.gather.apply((gemm, gathered), None, (out, linear));
        layer.after_attention.add(rows, out);
    }

    fn step(&self, layer: &Layer, rows: &mut [f32], scratch: &mut Scratch) {
        let Scratch { gemm, wide, out, linear, .. } = scratch;
        for rows in rows.chunks_mut(BLOCK * self.heads.count * self.heads.width) {
            layer.widen.apply((gemm, rows), Some(self.activation), (wide, linear));
            layer.narrow.apply((gemm, wide), None, (out, linear));
            layer.after_step.add(rows, out);
        }
    }
}

/// Reads tensors by the names that the family gives them.
struct Reader<'a> {
    spec: &'a Spec,
    tensors: &'a mut Tensors,
    /// What stands before all names where the file holds more than the encoder.
    prefix: &'static str,
}

impl Reader<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Fault> {
        self.tensors.read(&format!("{}{name}", self.prefix), shape)
    }

    fn norm(&mut self, name: &str) -> Result<Norm, Fault> {
        // Checkpoints converted from the original ones have the older names.
        let old = self.tensors.has(&format!("{}{name}.gamma", self.prefix));
        let [scale, shift] = if old { ["gamma", "beta"] } else { ["weight", "bias"] };
        let shape = [self.spec.hidden];
        Ok(Norm {
            scale: self.tensor(&format!("{name}.{scale}"), &shape)?,
            shift: self.tensor(&format!("{name}.{shift}"), &shape)?,
            epsilon: self.spec.epsilon,
        })
    }

    fn weights(&mut self, name: &str, (outputs, inputs): (usize, usize)) -> Result<Weights, Fault> {
        Ok(Weights {
            weights: self.tensor(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: self.tensor(&format!("{name}.bias"), &[outputs])?,
        })
    }

    fn embeddings(&mut self, precision: Precision) -> Result<Embeddings, Fault> {
        let Spec { hidden, vocabulary, positions, types, .. } = *self.spec;
        let mut tokens = Table::new(precision);
        let name = format!("{}embeddings.word_embeddings.weight", self.prefix);
        self.tensors.each(&name, &[vocabulary, hidden], |rows| tokens.extend(rows, hidden))?;
        let mut positions = self.tensor("embeddings.position_embeddings.weight", &[positions, hidden])?;
        let kinds = self.tensor("embeddings.token_type_embeddings.weight", &[types, hidden])?;
        for position in positions.chunks_exact_mut(hidden) {
            position.iter_mut().zip(&kinds).for_each(|(number, first)| *number += first);
        }
        Ok(Embeddings { tokens, positions, norm: self.norm("embeddings.LayerNorm")? })
    }

    fn layer(&mut self, number: usize, gemm: &Rten, precision: Precision) -> Result<Layer, Fault> {
        let Spec { hidden, inner, .. } = *self.spec;
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let linear = |weights| Linear::new(gemm, weights, precision);
        Ok(Layer {
            ask: linear(self.ask(&name("attention.self"))?),
            gather: linear(self.weights(&name("attention.output.dense"), (hidden, hidden))?),
            after_attention: self.norm(&name("attention.output.LayerNorm"))?,
            widen: linear(self.weights(&name("intermediate.dense"), (inner, hidden))?),
            narrow: linear(self.weights(&name("output.dense"), (hidden, inner))?),
            after_step: self.norm(&name("output.LayerNorm"))?,
        })
    }

    /// Query, key and value as one layer; the query scaled, so that scores need not be.
    fn ask(&mut self, name: &str) -> Result<Weights, Fault> {
        let hidden = self.spec.hidden;
        let mut all = self.weights(&format!("{name}.query"), (hidden, hidden))?;
        let scale = 1.0 / ((hidden / self.spec.heads) as f32).sqrt();
        all.weights.iter_mut().chain(&mut all.bias).for_each(|number| *number *= scale);
        for part in ["key", "value"] {
            let Weights { weights, bias } = self.weights(&format!("{name}.{part}"), (hidden, hidden))?;
            all.weights.extend(weights);
            all.bias.extend(bias);
        }
        Ok(all)
    }
}
