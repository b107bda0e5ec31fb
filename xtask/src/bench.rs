//! placeholder
pub(crate) fn run(_: Vec<String>) -> crate::Done {
    Ok(())
}
