//! One module per page. Pages fetch and decide; what they show is made of components.

pub mod account;
pub mod audit;
pub mod class;
pub mod classes;
pub mod join;
pub mod labs;
mod leave_class;
pub mod not_found;
pub mod people;
pub mod person;
mod sending;
pub mod sign_in;
pub mod workspace;

use std::future::Future;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::ApiError;

/// Something that is fetched.
#[derive(Clone, Debug, PartialEq)]
pub enum Loaded<T> {
    /// Not here yet.
    Loading,
    /// Here.
    Ready(T),
    /// It could not be had.
    Failed(ApiError),
}

impl<T> From<Result<T, ApiError>> for Loaded<T> {
    fn from(outcome: Result<T, ApiError>) -> Self {
        match outcome {
            Ok(value) => Self::Ready(value),
            Err(error) => Self::Failed(error),
        }
    }
}

/// Fetches into a signal. What is shown stays until the answer comes.
pub fn load<T: Send + Sync + 'static>(
    into: RwSignal<Loaded<T>>,
    fetch: impl Future<Output = Result<T, ApiError>> + 'static,
) {
    spawn_local(async move {
        // where the page is gone meanwhile, nobody wants it
        let _ = into.try_set(fetch.await.into());
    });
}
