//! Classes.

use lectern_api::classes::{Class, JoinClass, JoinRules, LearnerRow, NewClass};
use lectern_api::ids::{ClassId, UserId};

use super::fetch::Call;
use super::{Client, Outcome};

impl Client {
    /// Returns the classes that the caller teaches, or is enrolled in.
    pub async fn list_classes(self) -> Outcome<Vec<Class>> {
        self.read("/classes").await
    }

    pub async fn create_class(self, name: String) -> Outcome<Class> {
        self.write("POST", "/classes", &NewClass { name }).await
    }

    pub async fn show_class(self, id: ClassId) -> Outcome<Class> {
        self.read(&format!("/classes/{id}")).await
    }

    /// Returns the learners of a class with their progress.
    pub async fn list_learners(self, id: ClassId) -> Outcome<Vec<LearnerRow>> {
        self.read(&format!("/classes/{id}/learners")).await
    }

    /// Replaces a class's join code; the old one stops working.
    pub async fn replace_join_code(self, id: ClassId) -> Outcome<Class> {
        self.call(Call::new("POST", &format!("/classes/{id}/join-codes"))).await?.json()
    }

    /// Sets until when, and how many, learners can join a class.
    pub async fn set_join_rules(self, id: ClassId, rules: JoinRules) -> Outcome<Class> {
        self.write("PUT", &format!("/classes/{id}/join-rules"), &rules).await
    }

    pub async fn remove_learner(self, id: ClassId, learner: UserId) -> Outcome<()> {
        self.command("DELETE", &format!("/classes/{id}/learners/{learner}")).await
    }

    /// Enrols the caller.
    pub async fn join_class(self, join_code: String) -> Outcome<Class> {
        self.write("POST", "/enrolments", &JoinClass { join_code: join_code.into() }).await
    }

    /// Ends the caller's enrolment.
    pub async fn leave_class(self, id: ClassId) -> Outcome<()> {
        self.command("DELETE", &format!("/enrolments/{id}")).await
    }
}
