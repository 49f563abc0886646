//! The table of classes.

use lectern_api::classes::Class;
use leptos::prelude::*;
use leptos_router::components::A;

use super::buttons::CopyButton;
use crate::paths;

/// Classes, one per row.
#[component]
pub fn ClassTable(
    classes: Vec<Class>,
    /// Leaves a class; `None` for the instructor.
    #[prop(into)]
    on_leave: Option<Callback<Class>>,
) -> impl IntoView {
    let teaches = on_leave.is_none();
    let row = move |class: Class| view! { <Row class=class on_leave=on_leave/> };
    let last_heading = if teaches {
        "Join code".into_any()
    } else {
        view! { <span class="visually-hidden">"Actions"</span> }.into_any()
    };
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label="Classes">
            <table data-testid="classes">
                <thead>
                    <tr>
                        <th scope="col">"Class"</th>
                        <th scope="col">"Learners"</th>
                        <th scope="col">{last_heading}</th>
                    </tr>
                </thead>
                <tbody>{classes.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(class: Class, on_leave: Option<Callback<Class>>) -> impl IntoView {
    let Class { id, name, learners, .. } = class.clone();
    let (title, action) = match on_leave {
        None => (
            view! { <A href=paths::class(id) attr:data-testid="class-open">{name}</A> }.into_any(),
            view! { <JoinCode code=class.join_code.unwrap_or_default()/> }.into_any(),
        ),
        Some(leave) => (
            name.clone().into_any(),
            view! {
                <button
                    type="button"
                    class="button small"
                    data-testid="class-leave"
                    aria-label=format!("Leave {name}")
                    on:click=move |_| leave.run(class.clone())
                >
                    "Leave"
                </button>
            }
            .into_any(),
        ),
    };
    view! {
        <tr data-testid=format!("class-{id}")>
            <td>{title}</td>
            <td>{learners}</td>
            <td>{action}</td>
        </tr>
    }
}

/// A join code with a button that copies it.
#[component]
pub fn JoinCode(code: String) -> impl IntoView {
    view! {
        <span class="join-code">
            <code data-testid="class-join-code">{code.clone()}</code>
            <CopyButton text=code/>
        </span>
    }
}
