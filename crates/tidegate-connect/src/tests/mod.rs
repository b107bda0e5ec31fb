mod doubles;
mod files;
mod jsonl;
mod key;
