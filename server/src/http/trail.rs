//! Details of a request for the audit log, to which its handler adds.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use lectern_api::ids::UserId;

use super::ApiError;

/// What is known about a request so far. Handlers take it as an argument and add to it.
#[derive(Clone, Debug, Default)]
pub struct Trail(pub(super) Rc<RefCell<Details>>);

#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) actor: Option<UserId>,
    pub(super) action: Option<&'static str>,
    pub(super) object: Option<String>,
    pub(super) detail: String,
}

impl Trail {
    /// Returns the trail of a request.
    pub(super) fn of(req: &HttpRequest) -> Self {
        let mut extensions = req.extensions_mut();
        if let Some(trail) = extensions.get::<Self>() {
            return trail.clone();
        }
        let trail = Self::default();
        extensions.insert(trail.clone());
        trail
    }

    /// Sets who sent the request.
    pub fn actor(&self, user: UserId) {
        self.0.borrow_mut().actor = Some(user);
    }

    /// Sets a more exact name for the action than the table's.
    pub fn action(&self, action: &'static str) {
        self.0.borrow_mut().action = Some(action);
    }

    /// Sets what the request acts on.
    pub fn object(&self, object: String) {
        self.0.borrow_mut().object = Some(object);
    }

    /// Sets further details. Never pass text that somebody typed: it may be a password.
    pub fn detail(&self, detail: impl Into<String>) {
        self.0.borrow_mut().detail = detail.into();
    }
}

impl FromRequest for Trail {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(req)))
    }
}
