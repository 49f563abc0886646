//! The table of all endpoints, from which the server registers its routes and which the tests walk.

use actix_web::Route;
use actix_web::web::{self, ServiceConfig, delete, get, patch, post, put};

use super::{
    assets, audit, classes, cluster_view, file_changes, files, health, labs, logins, me, previews, privacy,
    progress, sessions, terminals, transfers, users,
};

/// One endpoint.
pub struct Endpoint {
    pub method: &'static str,
    /// The path, with `{names}` for its variable parts.
    pub path: &'static str,
    pub recorded: Recorded,
    route: fn() -> Route,
}

/// Whether and how a request is recorded in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Not recorded: it changes nothing, or only what learners do in their own sessions all the time.
    Not,
    /// Recorded under this name before it is answered.
    As(&'static str),
    /// Like [`Recorded::As`], for requests that let somebody in: the server's own log reports refusals, too.
    Entry(&'static str),
    /// Recorded soon after it is answered, for requests that learners wait for.
    Soon(&'static str),
}

impl Recorded {
    /// Returns the action's name; `None` if the request is not recorded.
    #[must_use]
    pub fn action(self) -> Option<&'static str> {
        match self {
            Self::Not => None,
            Self::As(action) | Self::Entry(action) | Self::Soon(action) => Some(action),
        }
    }

    /// Returns whether the request lets somebody in.
    #[must_use]
    pub fn lets_in(self) -> bool {
        matches!(self, Self::Entry(_))
    }
}

use Recorded::{As, Entry, Soon};

macro_rules! endpoints {
    ($($method:ident $path:literal => $handler:path $(, $recorded:expr)?;)*) => {
        &[$(Endpoint {
            method: endpoints!(@method $method),
            path: $path,
            recorded: endpoints!(@recorded $($recorded)?),
            route: || $method().to($handler),
        }),*]
    };
    (@method get) => { "GET" };
    (@method post) => { "POST" };
    (@method put) => { "PUT" };
    (@method patch) => { "PATCH" };
    (@method delete) => { "DELETE" };
    (@recorded) => { Recorded::Not };
    (@recorded $recorded:expr) => { $recorded };
}

/// All endpoints.
pub const ENDPOINTS: &[Endpoint] = endpoints![
    get "/healthz" => health::show_liveness;
    get "/readyz" => health::show_readiness;
    get "/api/v1/platform" => health::show_platform;
    post "/api/v1/logins" => me::sign_in, Entry("sign_in");
    get "/api/v1/logins" => logins::list_logins;
    delete "/api/v1/logins" => logins::end_all_logins, As("sign_out_everywhere");
    delete "/api/v1/logins/current" => me::sign_out, As("sign_out");
    delete "/api/v1/logins/{id}" => logins::end_login, As("end_login");
    post "/api/v1/registrations" => me::register, Entry("register");
    get "/api/v1/me" => me::show_me;
    delete "/api/v1/me" => privacy::delete_me, As("delete_user");
    put "/api/v1/me/password" => me::set_password, As("set_password");
    get "/api/v1/me/export" => privacy::export_me, As("export_user");
    get "/api/v1/users" => users::list_users;
    post "/api/v1/users" => users::add_user, As("add_user");
    patch "/api/v1/users/{id}" => users::change_user, As("change_user");
    delete "/api/v1/users/{id}" => privacy::delete_user, As("delete_user");
    delete "/api/v1/users/{id}/logins" => users::end_logins, As("sign_out_everywhere");
    post "/api/v1/users/{id}/sign-in-links" => users::make_sign_in_link, As("make_sign_in_link");
    get "/api/v1/users/{id}/export" => privacy::export_user, As("export_user");
    get "/api/v1/audit" => audit::list_records;
    get "/api/v1/classes" => classes::list_classes;
    post "/api/v1/classes" => classes::add_class, As("add_class");
    get "/api/v1/classes/{id}" => classes::show_class;
    post "/api/v1/classes/{id}/join-codes" => classes::replace_join_code, As("replace_join_code");
    put "/api/v1/classes/{id}/join-rules" => classes::set_join_rules, As("set_join_rules");
    get "/api/v1/classes/{id}/learners" => classes::list_learners;
    delete "/api/v1/classes/{id}/learners/{user}" => classes::remove_learner, As("remove_learner");
    get "/api/v1/classes/{id}/events" => classes::follow_class;
    post "/api/v1/enrolments" => classes::join_class, Entry("join_class");
    delete "/api/v1/enrolments/{id}" => classes::leave_class, As("leave_class");
    get "/api/v1/labs" => labs::list_labs;
    get "/api/v1/labs/{slug}/files/{path:.+}" => labs::show_file;
    get "/api/v1/sessions" => sessions::list_sessions;
    post "/api/v1/sessions" => sessions::start_session, Soon("start_session");
    get "/api/v1/sessions/{id}" => sessions::show_session;
    delete "/api/v1/sessions/{id}" => sessions::end_session, Soon("end_session");
    post "/api/v1/sessions/{id}/extensions" => sessions::extend_session, Soon("extend_session");
    get "/api/v1/sessions/{id}/events" => sessions::follow_session;
    get "/api/v1/sessions/{id}/pages/{name:.+}" => sessions::show_page;
    post "/api/v1/sessions/{id}/checks/{name:.+}" => sessions::run_check;
    get "/api/v1/sessions/{id}/progress" => progress::show_progress;
    post "/api/v1/sessions/{id}/progress-events" => progress::record_events;
    get "/api/v1/sessions/{id}/files" => files::list_folder;
    delete "/api/v1/sessions/{id}/files" => files::delete_file;
    get "/api/v1/sessions/{id}/files/entry" => files::show_file;
    get "/api/v1/sessions/{id}/files/content" => transfers::read_file;
    put "/api/v1/sessions/{id}/files/content" => transfers::write_file;
    get "/api/v1/sessions/{id}/files/archive" => transfers::download_archive;
    post "/api/v1/sessions/{id}/files/folders" => files::make_folder;
    post "/api/v1/sessions/{id}/files/copies" => files::copy_file;
    post "/api/v1/sessions/{id}/files/moves" => files::move_file;
    get "/api/v1/sessions/{id}/files/matches" => files::search_files;
    get "/api/v1/sessions/{id}/files/changes" => file_changes::follow_folders;
    get "/api/v1/sessions/{id}/cluster/events" => cluster_view::follow_cluster;
    get "/api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}" => cluster_view::show_object;
    put "/api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}" => cluster_view::edit_object;
    delete "/api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}" => cluster_view::delete_object;
    get "/api/v1/sessions/{id}/cluster/pods/{namespace}/{name}/logs" => cluster_view::follow_log;
    get "/api/v1/sessions/{id}/terminals/{name}/attach" => terminals::attach_terminal;
    post "/api/v1/sessions/{id}/preview-grants" => previews::grant_preview;
    get "/api/v1/sessions/{id}/preview" => previews::open_session_preview;
    get "/api/v1/previews/open" => previews::open_preview;
];

/// Registers all endpoints, and the web app for every other address.
pub fn configure(config: &mut ServiceConfig) {
    for endpoint in ENDPOINTS {
        config.route(endpoint.path, (endpoint.route)());
    }
    config.default_service(web::to(assets::show_asset));
}
