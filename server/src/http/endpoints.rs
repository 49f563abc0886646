//! Every endpoint, in one table: what is served is what stands here, and the tests walk the same table.

use actix_web::Route;
use actix_web::web::{self, ServiceConfig, delete, get, patch, post, put};

use super::{
    assets, audit, classes, health, labs, logins, me, privacy, progress, sessions, terminals, users,
};

/// One endpoint.
pub struct Endpoint {
    /// Its method.
    pub method: &'static str,
    /// Its path, with `{names}` for parts that vary.
    pub path: &'static str,
    /// What the audit log says of it.
    pub recorded: Recorded,
    route: fn() -> Route,
}

/// Whether and how a request is recorded in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Not: it changes nothing, or only what learners do in their own sessions all the time.
    Not,
    /// Before it is answered, under the name of this action.
    As(&'static str),
    /// The same, for what lets somebody in: a refusal is told by the server's log, too.
    Entry(&'static str),
    /// Soon after it is answered, for what learners wait for.
    Soon(&'static str),
}

impl Recorded {
    /// The action's name.
    #[must_use]
    pub fn action(self) -> Option<&'static str> {
        match self {
            Self::Not => None,
            Self::As(action) | Self::Entry(action) | Self::Soon(action) => Some(action),
        }
    }

    /// Whether it lets somebody in.
    #[must_use]
    pub fn lets_in(self) -> bool {
        matches!(self, Self::Entry(_))
    }
}

use Recorded::{As, Entry, Soon};

macro_rules! endpoints {
    ($($method:ident $verb:literal $path:literal => $handler:path $(, $recorded:expr)?;)*) => {
        &[$(Endpoint {
            method: $verb,
            path: $path,
            recorded: endpoints!(@ $($recorded)?),
            route: || $method().to($handler),
        }),*]
    };
    (@) => { Recorded::Not };
    (@ $recorded:expr) => { $recorded };
}

/// All of them.
pub const ENDPOINTS: &[Endpoint] = endpoints![
    get "GET" "/healthz" => health::show_liveness;
    get "GET" "/readyz" => health::show_readiness;
    get "GET" "/api/v1/platform" => health::show_platform;
    post "POST" "/api/v1/logins" => me::sign_in, Entry("sign_in");
    get "GET" "/api/v1/logins" => logins::list_logins;
    delete "DELETE" "/api/v1/logins" => logins::end_all_logins, As("sign_out_everywhere");
    delete "DELETE" "/api/v1/logins/current" => me::sign_out, As("sign_out");
    delete "DELETE" "/api/v1/logins/{id}" => logins::end_login, As("end_login");
    post "POST" "/api/v1/registrations" => me::register, Entry("register");
    get "GET" "/api/v1/me" => me::show_me;
    delete "DELETE" "/api/v1/me" => privacy::delete_me, As("delete_user");
    put "PUT" "/api/v1/me/password" => me::set_password, As("set_password");
    get "GET" "/api/v1/me/export" => privacy::export_me, As("export_user");
    get "GET" "/api/v1/users" => users::list_users;
    post "POST" "/api/v1/users" => users::add_user, As("add_user");
    patch "PATCH" "/api/v1/users/{id}" => users::change_user, As("change_user");
    delete "DELETE" "/api/v1/users/{id}" => privacy::delete_user, As("delete_user");
    delete "DELETE" "/api/v1/users/{id}/logins" => users::end_logins, As("sign_out_everywhere");
    post "POST" "/api/v1/users/{id}/sign-in-links" => users::make_sign_in_link, As("make_sign_in_link");
    get "GET" "/api/v1/users/{id}/export" => privacy::export_user, As("export_user");
    get "GET" "/api/v1/audit" => audit::list_records;
    get "GET" "/api/v1/classes" => classes::list_classes;
    post "POST" "/api/v1/classes" => classes::add_class, As("add_class");
    get "GET" "/api/v1/classes/{id}" => classes::show_class;
    post "POST" "/api/v1/classes/{id}/join-codes" => classes::replace_join_code, As("replace_join_code");
    put "PUT" "/api/v1/classes/{id}/join-rules" => classes::set_join_rules, As("set_join_rules");
    get "GET" "/api/v1/classes/{id}/learners" => classes::list_learners;
    delete "DELETE" "/api/v1/classes/{id}/learners/{user}" => classes::remove_learner, As("remove_learner");
    get "GET" "/api/v1/classes/{id}/events" => classes::follow_class;
    post "POST" "/api/v1/enrolments" => classes::join_class, Entry("join_class");
    delete "DELETE" "/api/v1/enrolments/{id}" => classes::leave_class, As("leave_class");
    get "GET" "/api/v1/labs" => labs::list_labs;
    get "GET" "/api/v1/labs/{slug}/files/{path:.+}" => labs::show_file;
    get "GET" "/api/v1/sessions" => sessions::list_sessions;
    post "POST" "/api/v1/sessions" => sessions::start_session, Soon("start_session");
    get "GET" "/api/v1/sessions/{id}" => sessions::show_session;
    delete "DELETE" "/api/v1/sessions/{id}" => sessions::end_session, Soon("end_session");
    post "POST" "/api/v1/sessions/{id}/extensions" => sessions::extend_session, Soon("extend_session");
    get "GET" "/api/v1/sessions/{id}/events" => sessions::follow_session;
    get "GET" "/api/v1/sessions/{id}/pages/{name:.+}" => sessions::show_page;
    post "POST" "/api/v1/sessions/{id}/checks/{name:.+}" => sessions::run_check;
    get "GET" "/api/v1/sessions/{id}/progress" => progress::show_progress;
    post "POST" "/api/v1/sessions/{id}/progress-events" => progress::record_events;
    get "GET" "/api/v1/sessions/{id}/terminals/{name}/attach" => terminals::attach_terminal;
];

/// Registers them all, and the web app for every other address.
pub fn configure(config: &mut ServiceConfig) {
    for endpoint in ENDPOINTS {
        config.route(endpoint.path, (endpoint.route)());
    }
    config.default_service(web::to(assets::show_asset));
}
