//! Whether a request that changes something came from a page of this daemon.

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::web::problem::{Kind, Problem};

/// A browser says where a request comes from: in `Sec-Fetch-Site`, older ones in `Origin`. One that
/// says neither is no browser, and would have no cookie to abuse.
pub(super) fn same_site(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let own = match (header("sec-fetch-site"), header(header::ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = request.connection_info().host().to_owned();
            origin.split_once("://").is_some_and(|(_, from)| from == host)
        }
        (None, None) => true,
    };
    if own {
        return Ok(());
    }
    let sentence = "The request came from another site; open the page here and send it again.";
    Err(Problem::new(Kind::ForeignSite, sentence))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], true)]
    #[case(&[("sec-fetch-site", "same-origin")], true)]
    #[case(&[("sec-fetch-site", "none")], true)]
    #[case(&[("sec-fetch-site", "same-site")], false)]
    #[case(&[("sec-fetch-site", "cross-site")], false)]
    #[case(&[("sec-fetch-site", "cross-site"), ("origin", "http://books.test")], false)]
    #[case(&[("origin", "http://books.test")], true)]
    #[case(&[("origin", "https://evil.test")], false)]
    #[case(&[("origin", "null")], false)]
    fn only_own_pages_may_act(#[case] headers: &[(&str, &str)], #[case] allowed: bool) {
        let mut request = TestRequest::post().insert_header(("host", "books.test"));
        for header in headers {
            request = request.insert_header(*header);
        }
        assert_eq!(same_site(&request.to_http_request()).is_ok(), allowed, "{headers:?}");
    }
}
