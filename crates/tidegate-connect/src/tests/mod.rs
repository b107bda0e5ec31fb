mod doubles;
mod files;
mod key;
