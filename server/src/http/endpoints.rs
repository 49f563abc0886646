//! Every endpoint, in one table: what is served is what stands here, and the tests walk the same table.

use actix_web::Route;
use actix_web::web::{self, ServiceConfig, delete, get, post, put};

use super::{assets, classes, health, labs, me, progress, sessions, terminals, users};

/// One endpoint.
pub struct Endpoint {
    /// Its method.
    pub method: &'static str,
    /// Its path, with `{names}` for parts that vary.
    pub path: &'static str,
    route: fn() -> Route,
}

macro_rules! endpoints {
    ($($method:ident $verb:literal $path:literal => $handler:path,)*) => {
        &[$(Endpoint { method: $verb, path: $path, route: || $method().to($handler) }),*]
    };
}

/// All of them.
pub const ENDPOINTS: &[Endpoint] = endpoints![
    get "GET" "/healthz" => health::show_liveness,
    get "GET" "/readyz" => health::show_readiness,
    get "GET" "/api/v1/platform" => health::show_platform,
    post "POST" "/api/v1/logins" => me::sign_in,
    delete "DELETE" "/api/v1/logins/current" => me::sign_out,
    post "POST" "/api/v1/registrations" => me::register,
    get "GET" "/api/v1/me" => me::show_me,
    put "PUT" "/api/v1/me/password" => me::set_password,
    get "GET" "/api/v1/users" => users::list_users,
    post "POST" "/api/v1/users" => users::add_user,
    post "POST" "/api/v1/users/{id}/sign-in-links" => users::make_sign_in_link,
    get "GET" "/api/v1/classes" => classes::list_classes,
    post "POST" "/api/v1/classes" => classes::add_class,
    get "GET" "/api/v1/classes/{id}" => classes::show_class,
    get "GET" "/api/v1/classes/{id}/learners" => classes::list_learners,
    get "GET" "/api/v1/classes/{id}/events" => classes::follow_class,
    post "POST" "/api/v1/enrolments" => classes::join_class,
    get "GET" "/api/v1/labs" => labs::list_labs,
    get "GET" "/api/v1/labs/{slug}/files/{path:.+}" => labs::show_file,
    get "GET" "/api/v1/sessions" => sessions::list_sessions,
    post "POST" "/api/v1/sessions" => sessions::start_session,
    get "GET" "/api/v1/sessions/{id}" => sessions::show_session,
    delete "DELETE" "/api/v1/sessions/{id}" => sessions::end_session,
    post "POST" "/api/v1/sessions/{id}/extensions" => sessions::extend_session,
    get "GET" "/api/v1/sessions/{id}/events" => sessions::follow_session,
    get "GET" "/api/v1/sessions/{id}/pages/{name:.+}" => sessions::show_page,
    post "POST" "/api/v1/sessions/{id}/checks/{name:.+}" => sessions::run_check,
    get "GET" "/api/v1/sessions/{id}/progress" => progress::show_progress,
    post "POST" "/api/v1/sessions/{id}/progress-events" => progress::record_events,
    get "GET" "/api/v1/sessions/{id}/terminals/{name}/attach" => terminals::attach_terminal,
];

/// Registers them all, and the web app for every other address.
pub fn configure(config: &mut ServiceConfig) {
    for endpoint in ENDPOINTS {
        config.route(endpoint.path, (endpoint.route)());
    }
    config.default_service(web::to(assets::show_asset));
}
