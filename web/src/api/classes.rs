//! Classes: an instructor's own, and those that a learner joined.

use lectern_api::classes::{Class, JoinClass, JoinRules, LearnerRow, NewClass};
use lectern_api::ids::{ClassId, UserId};

use super::fetch::Call;
use super::{Client, Outcome};

impl Client {
    /// An instructor's classes, or those a learner is enrolled in.
    pub async fn list_classes(self) -> Outcome<Vec<Class>> {
        self.read("/classes").await
    }

    /// Creates a class.
    pub async fn create_class(self, name: String) -> Outcome<Class> {
        self.write("POST", "/classes", &NewClass { name }).await
    }

    /// One class.
    pub async fn show_class(self, id: ClassId) -> Outcome<Class> {
        self.read(&format!("/classes/{id}")).await
    }

    /// The learners of a class and where each one is.
    pub async fn list_learners(self, id: ClassId) -> Outcome<Vec<LearnerRow>> {
        self.read(&format!("/classes/{id}/learners")).await
    }

    /// Replaces a class's join code; the old one works no longer.
    pub async fn replace_join_code(self, id: ClassId) -> Outcome<Class> {
        self.call(Call::new("POST", &format!("/classes/{id}/join-codes"))).await?.json()
    }

    /// Sets whom a class's join code lets in.
    pub async fn set_join_rules(self, id: ClassId, rules: JoinRules) -> Outcome<Class> {
        self.write("PUT", &format!("/classes/{id}/join-rules"), &rules).await
    }

    /// Takes a learner out of a class.
    pub async fn remove_learner(self, id: ClassId, learner: UserId) -> Outcome<()> {
        self.command("DELETE", &format!("/classes/{id}/learners/{learner}")).await
    }

    /// Enrols whoever is signed in.
    pub async fn join_class(self, join_code: String) -> Outcome<Class> {
        self.write("POST", "/enrolments", &JoinClass { join_code: join_code.into() }).await
    }

    /// Takes whoever is signed in out of a class.
    pub async fn leave_class(self, id: ClassId) -> Outcome<()> {
        self.command("DELETE", &format!("/enrolments/{id}")).await
    }
}
