//! Checking that a request comes from Lectern's own pages.

use actix_web::HttpRequest;
use actix_web::http::header;
use url::Url;

use super::ApiError;

/// Refuses a request that another site's page may have made: if the browser names its source (`Sec-Fetch-Site`,
/// `Origin`), that must be this site. Programs other than browsers send neither header.
pub fn check_origin(req: &HttpRequest, public_url: Option<&Url>) -> Result<(), ApiError> {
    let site = req.headers().get("sec-fetch-site").map(|v| v.to_str().unwrap_or(""));
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(ApiError::ForeignRequest);
    }
    match req.headers().get(header::ORIGIN) {
        None => Ok(()),
        Some(origin) => {
            let origin = origin.to_str().unwrap_or("");
            let host = req.headers().get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or("");
            is_own(origin, host, public_url).then_some(()).ok_or(ApiError::ForeignRequest)
        }
    }
}

/// Checks the origin of a WebSocket, for which every browser sends one: an absent origin is refused, too.
pub fn check_socket_origin(req: &HttpRequest, public_url: Option<&Url>) -> Result<(), ApiError> {
    if !req.headers().contains_key(header::ORIGIN) {
        return Err(ApiError::ForeignRequest);
    }
    check_origin(req, public_url)
}

/// Returns whether an `Origin` is this site: that of the public address if the operator set one, otherwise the one that
/// the browser named in `Host`. Origins are compared as a whole, never by prefix or suffix.
fn is_own(origin: &str, host: &str, public_url: Option<&Url>) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    if !matches!(origin.scheme(), "http" | "https") {
        return false;
    }
    match public_url {
        Some(public) => origin.origin() == public.origin(),
        None => Url::parse(&format!("{}://{host}", origin.scheme()))
            .is_ok_and(|own| !host.is_empty() && own.origin() == origin.origin()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_host_and_port_is_our_own_origin() {
        assert!(is_own("http://lab.example:8080", "lab.example:8080", None));
        for bad in [
            "null",
            "",
            "http://lab.example",
            "http://lab.example:80801",
            "http://evil.lab.example:8080",
            "http://lab.example:8080.evil.example",
            "file://lab.example:8080",
        ] {
            assert!(!is_own(bad, "lab.example:8080", None), "{bad}");
        }
    }

    #[test]
    fn a_public_address_decides_where_the_operator_set_one() {
        let public = Url::parse("https://lab.example/").unwrap();
        assert!(is_own("https://lab.example", "10.0.0.1:8080", Some(&public)));
        assert!(!is_own("http://lab.example", "lab.example", Some(&public)));
        assert!(!is_own("http://10.0.0.1:8080", "10.0.0.1:8080", Some(&public)));
    }
}
