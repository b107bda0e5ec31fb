use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use proptest::prelude::*;

use crate::{decode_key, encode_key};

proptest! {
    #[test]
    fn a_path_comes_back_from_its_key(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let path = PathBuf::from(OsString::from_vec(bytes));
        let key = encode_key(&path);
        prop_assert!(!key.chars().any(char::is_control));
        // Compared as strings: comparing paths would ignore doubled slashes.
        prop_assert_eq!(decode_key(&key).into_os_string(), path.into_os_string());
    }

    #[test]
    fn any_text_decodes(text in ".{0,40}") {
        let path = decode_key(&text);
        prop_assert_eq!(decode_key(&encode_key(&path)), path);
    }
}

#[test]
fn rows_of_different_files_never_share_a_key() {
    let row = |path: &str, row: &str| format!("{}{row}", crate::key::row_prefix(path));
    assert_ne!(row("a", "b#L1"), row("a#b", "L1"));
}
