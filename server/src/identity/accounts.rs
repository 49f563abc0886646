//! Changing, disabling, resetting, exporting and deleting accounts, and reading the audit log.

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::audit::AuditPage;
use lectern_api::identity::{ChangeUser, Role, User};
use lectern_api::ids::UserId;
use lectern_api::sessions::EndReason;
use serde_json::Value;
use sqlx::PgConnection;

use super::{Identity, IdentityError, LINK_HOURS, Token, check_display_name};
use crate::lifecycle::Event;
use crate::store;
use crate::store::sessions::transition::{Pick, transition};

/// Limit on the records of the audit log in one answer.
const MAX_RECORDS: u16 = 500;
/// How many times ending an account's sessions is tried while new ones are still being started.
const MAX_TRIES: usize = 20;

impl Identity {
    /// Changes an account's display name or role, or disables or enables it. A new role and disabling end the account's
    /// logins and revoke its links; disabling ends its sessions too.
    pub async fn change_user(&self, id: UserId, change: ChangeUser) -> Result<User, IdentityError> {
        let display_name = change.display_name.as_deref().map(check_display_name).transpose()?;
        let mut tx = self.pool.begin().await?;
        let is_other_left = store::users::is_other_admin_left(&mut tx, id).await?;
        let row = store::users::lock_user(&mut tx, id).await?.ok_or(IdentityError::UnknownUser)?;
        let (was_disabled, before) = (row.disabled_at, User::from(row));
        let role = change.role.unwrap_or(before.role);
        let disabled_at = match change.disabled {
            Some(true) => was_disabled.or(Some(self.clock.now())),
            Some(false) => None,
            None => was_disabled,
        };
        let is_admin = |role, disabled: Option<DateTime<Utc>>| role == Role::Admin && disabled.is_none();
        if is_admin(before.role, was_disabled) && !is_admin(role, disabled_at) && !is_other_left {
            return Err(IdentityError::LastAdmin);
        }
        let display_name = display_name.unwrap_or(before.display_name);
        let user = store::users::update_user(&mut tx, id, &display_name, role, disabled_at).await?;
        if role != before.role || disabled_at.is_some() {
            end_all_access(&mut tx, id).await?;
        }
        tx.commit().await?;
        if disabled_at.is_some() {
            self.end_sessions(id, EndReason::AccountDisabled).await?;
        }
        Ok(user)
    }

    /// Creates a one-time link for an account and revokes its earlier ones. Returns the token and when it expires.
    pub async fn make_link(&self, user: UserId) -> Result<(Token, DateTime<Utc>), IdentityError> {
        let mut tx = self.pool.begin().await?;
        let row = store::users::lock_user(&mut tx, user).await?.ok_or(IdentityError::UnknownUser)?;
        if row.disabled_at.is_some() {
            return Err(IdentityError::Disabled);
        }
        store::logins::delete_links_of(&mut tx, user).await?;
        let token = Token::random();
        let expires_at = self.clock.now() + TimeDelta::hours(LINK_HOURS);
        store::identity::insert_sign_in_link(&mut tx, &token.hash(), user, expires_at).await?;
        tx.commit().await?;
        Ok((token, expires_at))
    }

    /// Creates a one-time link for somebody else and ends their logins. Administrators may do this for everybody,
    /// instructors for the learners of their classes.
    ///
    /// # Errors
    /// Returns [`IdentityError::UnknownUser`] if the caller may not do this for the account.
    pub async fn reset_user(
        &self,
        caller: &User,
        user: UserId,
    ) -> Result<(Token, DateTime<Utc>), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        if caller.role < Role::Admin && !store::users::is_learner_of(&mut conn, user, caller.id).await? {
            return Err(IdentityError::UnknownUser);
        }
        drop(conn);
        let made = self.make_link(user).await?;
        self.end_logins(user).await?;
        Ok(made)
    }

    /// Deletes an account and the data kept about it. Its sessions end first; the reconciler removes their objects
    /// from the cluster as it does for any session.
    pub async fn delete_user(&self, id: UserId) -> Result<(), IdentityError> {
        // nobody can sign in from now on, so nobody starts new sessions
        self.change_user(id, ChangeUser { disabled: Some(true), ..ChangeUser::default() }).await?;
        for _ in 0..MAX_TRIES {
            self.end_sessions(id, EndReason::AccountDeleted).await?;
            let mut tx = self.pool.begin().await?;
            store::users::lock_user(&mut tx, id).await?;
            // a request that was already running may have started one more
            if !store::privacy::list_live(&mut tx, id).await?.is_empty() {
                continue;
            }
            store::privacy::anonymise_sessions(&mut tx, id).await?;
            store::classes::unenrol_everywhere(&mut tx, id).await?;
            store::users::delete_user(&mut tx, id).await?;
            return Ok(tx.commit().await?);
        }
        Err(IdentityError::StillBusy)
    }

    async fn end_sessions(&self, user: UserId, reason: EndReason) -> Result<(), IdentityError> {
        let mut tx = self.pool.begin().await?;
        for session in store::privacy::list_live(&mut tx, user).await? {
            transition(&mut tx, Pick::One(session), Event::End { reason: reason.clone() }).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Returns all data kept about a person, without credentials and without the names and addresses of others.
    pub async fn export_user(&self, id: UserId) -> Result<Value, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        store::users::find_user(&mut conn, id).await?.ok_or(IdentityError::UnknownUser)?;
        let mut all = store::privacy::export(&mut conn, id).await?;
        let mut records = store::audit::list_about(&mut conn, id).await?;
        for record in records.iter_mut().filter(|record| record.actor.is_some_and(|actor| actor != id)) {
            record.address.clear();
            record.actor = None;
            record.actor_name = None;
        }
        let records = serde_json::to_value(records).unwrap_or_default();
        all.insert("audit".to_owned(), records);
        all.insert("exported_at".to_owned(), self.clock.now().to_rfc3339().into());
        Ok(Value::Object(all))
    }

    /// Returns a page of the audit log, newest records first.
    pub async fn list_audit(&self, before: Option<i64>, limit: u16) -> Result<AuditPage, IdentityError> {
        let limit = i64::from(limit.clamp(1, MAX_RECORDS));
        let mut conn = self.pool.acquire().await?;
        let mut records = store::audit::list(&mut conn, before, limit + 1).await?;
        let is_more = records.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if is_more {
            records.pop();
        }
        let next_before = records.last().filter(|_| is_more).map(|record| record.id);
        Ok(AuditPage { records, next_before })
    }

    /// Returns learners who have not used Lectern for `days` days.
    pub(super) async fn list_inactive(&self, days: i32, limit: i64) -> Result<Vec<UserId>, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::users::list_inactive(&mut conn, days, limit).await?)
    }
}

/// Ends an account's logins and revokes its links, so that only a password lets somebody in.
async fn end_all_access(conn: &mut PgConnection, user: UserId) -> Result<(), IdentityError> {
    store::logins::delete_all_of(conn, user).await?;
    store::logins::delete_links_of(conn, user).await?;
    Ok(())
}
