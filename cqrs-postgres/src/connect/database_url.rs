//! The URL of a database: its servers, and what is wrong with it.
//!
//! **Invariant**: nothing is shown that may be a part of a password. A password with `@`, `/`, `?` or `#` in it changes what is
//! read as host, path or parameter, so such a URL is rejected as a whole.

use std::{fmt, str::FromStr};

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::postgres::PgConnectOptions;

/// The parameters that sqlx knows, apart from `options[..]` and those of a host. It would log any other with its value.
const PARAMETERS: [&str; 15] = [
    "application_name",
    "dbname",
    "options",
    "password",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// The parameter of libpq that asks for a primary.
const SESSION: &str = "target_session_attrs";

/// A URL in its parts, as they were written.
#[derive(Clone, Copy)]
pub(crate) struct DatabaseUrl<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    hosts: &'a str,
    path: &'a str,
    query: &'a str,
}

/// A host, and its port if it has one.
type Host<'a> = (&'a str, Option<&'a str>);

impl<'a> DatabaseUrl<'a> {
    pub(crate) fn new(url: &'a str) -> Result<Self, StoreError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(unreadable)?;
        if !["postgres", "postgresql"].contains(&scheme) {
            return Err(unreadable());
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if rest.contains(['@', '#']) {
            return Err(misconfigured(
                "percent-encode the database URL: in a user, a password, a database and a parameter write `@` as %40, `/` as \
                 %2F, `?` as %3F and `#` as %23",
            ));
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        Ok(Self {
            scheme,
            user,
            hosts,
            path,
            query,
        })
    }

    fn parameters(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let each = self.query.split('&').filter(|each| !each.is_empty());
        each.map(|each| match each.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (each, None),
        })
    }

    /// The parameters that sqlx may see, apart from those of a host.
    fn checked_parameters(&self) -> Result<String, StoreError> {
        let mut checked = String::new();
        let mut before = "";
        for (name, value) in self.parameters() {
            let is_option = name.starts_with("options[") || name.starts_with("options%5B");
            match name {
                "host" | "hostaddr" | "port" => {}
                SESSION if matches!(value, Some("read-write" | "primary")) => {}
                SESSION => {
                    return Err(misconfigured(
                        "target_session_attrs in the database URL must be read-write or primary: a store needs a primary",
                    ));
                }
                _ if PARAMETERS.contains(&name) || is_option => {
                    checked += &format!("{name}={}&", value.unwrap_or_default());
                }
                _ => return Err(unknown(name, before == "password" || value.is_none())),
            }
            before = name;
        }
        Ok(checked)
    }

    /// The last value of the parameters with these names.
    fn last(&self, names: &[&str]) -> Option<&'a str> {
        let values = self.parameters().filter(|(name, _)| names.contains(name));
        values.filter_map(|(_, value)| value).last()
    }

    /// The hosts; none if they are left to the environment.
    fn hosts(&self) -> Result<Vec<Host<'a>>, StoreError> {
        let written: Vec<Host<'a>> = self.hosts.split(',').map(split_port).collect();
        let mut hosts = match (self.last(&["host", "hostaddr"]), &written[..]) {
            (Some(given), [(_, port)]) => given.split(',').map(|host| (host, *port)).collect(),
            (Some(given), _) => given.split(',').map(|host| (host, None)).collect(),
            (None, _) => written,
        };
        if let Some(given) = self.last(&["port"]) {
            let ports: Vec<&str> = given.split(',').collect();
            if ports.len() != 1 && ports.len() != hosts.len() {
                return Err(misconfigured(
                    "the database URL must have one port for each host, or one for all",
                ));
            }
            for (host, port) in hosts.iter_mut().zip(ports.iter().cycle()) {
                host.1 = Some(port);
            }
        }
        let is_number = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        if !hosts.iter().filter_map(|(_, port)| *port).all(is_number) {
            return Err(misconfigured(
                "a port in the database URL is not a number from 1 to 65535",
            ));
        }
        if hosts.len() > 1 && hosts.iter().any(|(host, _)| host.is_empty()) {
            return Err(misconfigured("a host in the database URL is empty"));
        }
        hosts.retain(|(host, port)| !host.is_empty() || port.is_some());
        Ok(hosts)
    }

    /// Whether the URL or the environment says how to encrypt.
    pub(crate) fn has_ssl_mode(&self) -> bool {
        self.last(&["sslmode", "ssl-mode"]).is_some() || std::env::var_os("PGSSLMODE").is_some()
    }

    /// Whether the URL asks for a server that can write.
    pub(crate) fn wants_primary(&self) -> bool {
        self.last(&[SESSION]).is_some()
    }

    /// What sqlx needs to connect to each host.
    pub(crate) fn options(&self) -> Result<Vec<PgConnectOptions>, StoreError> {
        let parameters = self.checked_parameters()?;
        let hosts = self.hosts()?;
        if hosts.is_empty() {
            return Ok(vec![self.options_of(None, &parameters)?]);
        }
        let each = hosts.into_iter();
        each.map(|host| self.options_of(Some(host), &parameters))
            .collect()
    }

    fn options_of(
        &self,
        host: Option<Host<'_>>,
        parameters: &str,
    ) -> Result<PgConnectOptions, StoreError> {
        let path = if self.path.is_empty() { "/" } else { self.path };
        let mut url = format!("{}://{path}?", self.scheme);
        // As parameters, because an authority must have a host, and only one.
        let mut add = |name, value: &str| {
            url += &format!("{name}={}&", in_query(value));
        };
        if let Some(user) = self.user {
            let (name, password) = user
                .split_once(':')
                .map_or((user, None), |(name, password)| (name, Some(password)));
            add("user", name);
            if let Some(password) = password {
                add("password", password);
            }
        }
        if let Some((host, port)) = host {
            if !host.is_empty() {
                add("host", host);
            }
            if let Some(port) = port {
                add("port", port);
            }
        }
        url += parameters;
        let options = PgConnectOptions::from_str(&url);
        let options = options.map_err(|error| unreadable().caused_by(error))?;
        Ok(match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("cqrs"),
        })
    }
}

/// Without the password and the parameters.
impl fmt::Display for DatabaseUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if let Some(user) = self.user {
            let name = user.split_once(':').map_or(user, |(name, _)| name);
            write!(f, "{name}@")?;
        }
        write!(f, "{}{}", self.hosts, self.path)
    }
}

/// Percent-encoded text of another part of a URL, as the value of a parameter.
fn in_query(text: &str) -> String {
    text.replace('&', "%26").replace('+', "%2B")
}

/// `host:port`, `[::1]:port`, or only a host.
fn split_port(host: &str) -> Host<'_> {
    match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, Some(port).filter(|port| !port.is_empty()))
        }
        _ => (host, None),
    }
}

/// sqlx's error may hold a part of the URL, and the URL a password: say how to write one.
fn unreadable() -> StoreError {
    misconfigured(
        "the database URL cannot be read; write postgres://user:password@host:port/database",
    )
}

/// A name that may be a part of a password is not shown.
fn unknown(name: &str, hide: bool) -> StoreError {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let message = if hide || !name.bytes().all(plain) {
        "the database URL has an unknown parameter; remove it, or percent-encode `&` (%26) and `=` (%3D) in a value"
            .to_owned()
    } else {
        format!("the database URL has the unknown parameter {name:?}; remove it")
    };
    misconfigured(message)
}

fn misconfigured(message: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Misconfigured, message)
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;

    use super::*;

    fn read(url: &str) -> String {
        let options = DatabaseUrl::new(url).and_then(|url| url.options());
        let each = options.expect("readable").into_iter().map(|options| {
            let mut url = options.to_url_lossy();
            url.set_query(None);
            url.into()
        });
        each.collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn several_hosts_are_read_in_turn() {
        let both = "postgres://u@a:1/d postgres://u@b:2/d";
        for url in [
            "postgres://u@a:1,b:2/d",
            "postgres://u@/d?host=a,b&port=1,2",
            "postgres://u@a,b/d?port=1,2&target_session_attrs=read-write",
        ] {
            assert_eq!(read(url), both, "{url}");
        }
        assert_eq!(
            read("postgres://u:p@[::1]:1,[::2]/d?port=3"),
            "postgres://u:p@[::1]:3/d postgres://u:p@[::2]:3/d"
        );
        for url in [
            "postgres://u@a:1,/d",
            "postgres://u@a,b,c/d?port=1,2",
            "postgres://u@a,b:x/d",
            "postgres://u@a,b/d?target_session_attrs=any",
        ] {
            let read = DatabaseUrl::new(url).and_then(|url| url.options());
            read.expect_err(url);
        }
    }

    #[test]
    fn every_part_of_a_url_arrives() {
        // sqlx prints a user as it is.
        let same = "postgres://u+:p%40%2F%3F%23%26%3D%2B@h:5433/d";
        assert_eq!(read(same), same);
        assert_eq!(
            read("postgresql://u:p@ss@h/d?port=1&user=v"),
            "postgres://v:p%40ss@h:1/d"
        );
        assert_eq!(
            read("postgres://u@%2Fvar%2Frun:5433/d"),
            "postgres://u@%2Fvar%2Frun:5433/d"
        );
        assert_eq!(
            read("postgres://u@/d?host=/var/run&port=5433"),
            "postgres://u@%2Fvar%2Frun:5433/d"
        );
        assert_eq!(read("postgres://u@[::1]:1/d"), "postgres://u@[::1]:1/d");
    }
}
