//! Extractors for what a path names. An id that cannot be parsed gets the same answer as one that nobody has.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Path;
use actix_web::{FromRequest, HttpRequest};
use lectern_api::cluster_view::{ObjectKind, UnknownKind};
use lectern_api::ids::{CheckName, ClassId, LabSlug, LoginId, PageName, SessionId, UserId};
use serde::de::DeserializeOwned;

use super::ApiError;
use super::caller::{AdminCaller, Caller, InstructorCaller};
use crate::sessions::ObjectAddress;

/// What the variable parts of a path name.
pub trait PathTarget: Sized + 'static {
    /// The parts as text, in their order.
    type Parts: DeserializeOwned + 'static;

    /// Parses the parts.
    fn parse(parts: Self::Parts) -> Result<Self, ApiError>;
}

/// The caller, and what the path names for them.
///
/// One extractor for both, because extractors of their own run side by side: an anonymous request must be answered with
/// "sign in first" whatever its path names.
#[derive(Clone, Debug)]
pub struct At<C, T> {
    pub caller: C,
    pub target: T,
}

/// A learner's own session.
pub type SessionPath = At<Caller, SessionId>;
/// A page of the caller's session.
pub type PagePath = At<Caller, SessionPage>;
/// A check of the caller's session.
pub type CheckPath = At<Caller, SessionCheck>;
/// An object in a namespace of the caller's session.
pub type ObjectPath = At<Caller, SessionObject>;
/// A pod in a namespace of the caller's session.
pub type PodPath = At<Caller, SessionPod>;
/// A class, by default for those who may own one.
pub type ClassPath<C = InstructorCaller> = At<C, ClassId>;
/// A learner of a class.
pub type ClassLearnerPath = At<InstructorCaller, ClassLearner>;
/// An account, by default for administrators.
pub type UserPath<C = AdminCaller> = At<C, UserId>;
/// One of the caller's logins.
pub type LoginPath = At<Caller, LoginId>;
/// A file of a lab.
pub type LabFilePath = At<Caller, LabFile>;

/// A page of a session.
#[derive(Clone, Debug)]
pub struct SessionPage {
    pub session: SessionId,
    pub page: PageName,
}

/// A check of a session.
#[derive(Clone, Debug)]
pub struct SessionCheck {
    pub session: SessionId,
    pub check: CheckName,
}

/// An object of a session.
#[derive(Clone, Debug)]
pub struct SessionObject {
    pub session: SessionId,
    pub object: ObjectAddress,
}

/// A pod of a session.
#[derive(Clone, Debug)]
pub struct SessionPod {
    pub session: SessionId,
    pub pod: ObjectAddress,
}

/// A learner of a class.
#[derive(Clone, Copy, Debug)]
pub struct ClassLearner {
    pub class: ClassId,
    pub learner: UserId,
}

/// A file beside a lab's pages.
#[derive(Clone, Debug)]
pub struct LabFile {
    pub lab: LabSlug,
    pub file: String,
}

impl<C, T> FromRequest for At<C, T>
where
    C: FromRequest<Error = ApiError, Future: 'static> + 'static,
    T: PathTarget,
{
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = C::from_request(req, payload);
        let parts = Path::<T::Parts>::from_request(req, payload);
        Box::pin(async move {
            let caller = caller.await?;
            let target = T::parse(parts.await?.into_inner())?;
            Ok(Self { caller, target })
        })
    }
}

/// Implements [`PathTarget`] for ids, with the name of what is missing if the text is no id.
macro_rules! ids {
    ($($id:ty => $what:literal)*) => {
        $(impl PathTarget for $id {
            type Parts = String;

            fn parse(text: String) -> Result<Self, ApiError> {
                text.parse().map_err(|_| ApiError::NotFound($what))
            }
        })*
    };
}

ids! {
    SessionId => "session"
    ClassId => "class"
    UserId => "account"
    LoginId => "login"
    LabSlug => "lab"
}

impl PathTarget for SessionPage {
    type Parts = (String, String);

    fn parse((session, page): Self::Parts) -> Result<Self, ApiError> {
        let page: PageName = page.parse()?;
        Ok(Self { session: SessionId::parse(session)?, page })
    }
}

impl PathTarget for SessionCheck {
    type Parts = (String, String);

    fn parse((session, check): Self::Parts) -> Result<Self, ApiError> {
        let check: CheckName = check.parse()?;
        Ok(Self { session: SessionId::parse(session)?, check })
    }
}

impl PathTarget for SessionObject {
    type Parts = (String, String, String, String);

    fn parse((session, kind, namespace, name): Self::Parts) -> Result<Self, ApiError> {
        let session = SessionId::parse(session)?;
        let kind = kind.parse().map_err(|UnknownKind| ApiError::NotFound("kind of object"))?;
        Ok(Self { session, object: ObjectAddress { kind, namespace, name } })
    }
}

impl PathTarget for SessionPod {
    type Parts = (String, String, String);

    fn parse((session, namespace, name): Self::Parts) -> Result<Self, ApiError> {
        let pod = ObjectAddress { kind: ObjectKind::Pod, namespace, name };
        Ok(Self { session: SessionId::parse(session)?, pod })
    }
}

impl PathTarget for ClassLearner {
    type Parts = (String, String);

    fn parse((class, learner): Self::Parts) -> Result<Self, ApiError> {
        // a text that is no id is treated as the id of nobody, so that only the class's owner learns who is in it
        Ok(Self { class: ClassId::parse(class)?, learner: learner.parse().unwrap_or_default() })
    }
}

impl PathTarget for LabFile {
    type Parts = (String, String);

    fn parse((lab, file): Self::Parts) -> Result<Self, ApiError> {
        Ok(Self { lab: LabSlug::parse(lab)?, file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_not_found_and_what_is_no_name_is_refused() {
        let id = SessionId::new().to_string();
        assert!(matches!(SessionId::parse("x".to_owned()), Err(ApiError::NotFound("session"))));
        assert!(matches!(SessionPage::parse((id.clone(), "../x".to_owned())), Err(ApiError::Name(_))));
        assert!(matches!(
            SessionCheck::parse(("x".to_owned(), "ready".to_owned())),
            Err(ApiError::NotFound("session"))
        ));
        assert_eq!(SessionPage::parse((id.clone(), "a/b".to_owned())).unwrap().session.to_string(), id);
    }
}
