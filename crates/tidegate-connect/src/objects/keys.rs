//! Which credentials a bucket is asked with: named in messages, their values never.

use std::path::PathBuf;

use super::place::Service;

/// Reads one variable of the environment.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Credentials of a file of profiles, as the tools of Amazon keep them.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) id: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) token: Option<String>,
    pub(super) region: Option<String>,
}

/// What is looked at for a service, in this order; the first that is there is used.
const S3: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];
const GS: [&str; 6] = [
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_BEARER_TOKEN",
];
const AZ: [&str; 7] = [
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
];

/// Names the credentials that are used, or those that were looked for.
pub(super) fn tried(service: Service, anonymous: bool, (env, profile): (Variable<'_>, bool)) -> String {
    if anonymous {
        return "none, as was asked for".to_owned();
    }
    let (names, else_): (&[&str], _) = match service {
        Service::S3 => (&S3, "the metadata service of this machine"),
        Service::Gs => (&GS, "the credentials of gcloud, and the metadata service of this machine"),
        Service::Az => (&AZ, "the metadata service of this machine"),
    };
    match names.iter().find(|name| env(name).is_some()) {
        Some(name) => (*name).to_owned(),
        None if profile => format!("profile {} of the AWS credentials file", profile_name(env)),
        None if service == Service::S3 => {
            format!("{else_} (there is no AWS_ACCESS_KEY_ID, and no profile {} in a file)", profile_name(env))
        }
        None => format!("{else_} (there is no {})", names[0]),
    }
}

fn profile_name(env: Variable<'_>) -> String {
    env("AWS_PROFILE").filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned())
}

/// Whether the environment holds credentials for S3, so that no file is looked at.
pub(super) fn in_environment(env: Variable<'_>) -> bool {
    S3.iter().any(|name| env(name).is_some())
}

/// The profile of the files in the home folder. Files that are not there, or not read, hold none.
pub(super) fn profile(env: Variable<'_>) -> Profile {
    let home = || env("HOME").map(PathBuf::from);
    let place = |name: &str, usual: &str| {
        env(name).map(PathBuf::from).or_else(|| Some(home()?.join(".aws").join(usual)))
    };
    let read =
        |path: Option<PathBuf>| path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let name = profile_name(env);
    let keys = read(place("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
    let config = read(place("AWS_CONFIG_FILE", "config"));
    let section = |wanted: &str| if name == "default" { name.clone() } else { format!("{wanted}{name}") };
    let [keys_section, config_section] = ["", "profile "].map(section);
    let find = |key: &str| value(&keys, &keys_section, key).or_else(|| value(&config, &config_section, key));
    Profile {
        id: find("aws_access_key_id"),
        secret: find("aws_secret_access_key"),
        token: find("aws_session_token"),
        region: find("region"),
    }
}

/// The value of a key in a section of such a file.
fn value(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            inside = name.0.trim() == section;
        } else if inside
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == key
            && !value.trim().is_empty()
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_as_amazons_tools_write_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(".aws");
        std::fs::create_dir(&folder).unwrap();
        let keys = "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=B=\n\n[work]\naws_access_key_id=C\n";
        std::fs::write(folder.join("credentials"), keys).unwrap();
        std::fs::write(folder.join("config"), "[default]\nregion=eu-central-1\n[profile work]\nregion = x\n")
            .unwrap();
        let home = dir.path().to_str().unwrap().to_owned();
        let env = |name: &str| (name == "HOME").then(|| home.clone());
        let found = profile(&env);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        assert_eq!(
            [&found.id, &found.secret, &found.token, &found.region].map(text),
            ["A", "B=", "", "eu-central-1"]
        );
        let env = |name: &str| if name == "AWS_PROFILE" { Some("work".to_owned()) } else { env(name) };
        let found = profile(&env);
        assert_eq!([&found.id, &found.secret, &found.region].map(text), ["C", "", "x"]);
        assert!(profile(&|_| None) == Profile::default());
    }

    #[test]
    fn what_was_tried_is_named_and_not_shown() {
        let env = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "canary".to_owned());
        assert_eq!(tried(Service::S3, false, (&env, false)), "AWS_ACCESS_KEY_ID");
        assert!(tried(Service::Az, false, (&env, false)).contains("AZURE_STORAGE_ACCOUNT_KEY"));
        assert!(tried(Service::S3, false, (&|_| None, false)).contains("metadata"));
        assert!(tried(Service::Gs, true, (&env, false)).contains("none"));
    }
}
