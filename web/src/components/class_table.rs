//! The table of classes.

use lectern_api::classes::Class;
use leptos::prelude::*;
use leptos_router::components::A;

use super::buttons::CopyButton;
use crate::paths;

/// Classes, one a row.
#[component]
pub fn ClassTable(
    /// The classes.
    classes: Vec<Class>,
    /// Leaves one; absent for whoever teaches them.
    #[prop(into)]
    on_leave: Option<Callback<Class>>,
) -> impl IntoView {
    let teaches = on_leave.is_none();
    let row = move |class: Class| {
        let name = class.name.clone();
        let leaving = class.clone();
        view! {
            <tr data-testid=format!("class-{}", class.id)>
                <td>
                    {if teaches {
                        view! { <A href=paths::class(class.id) attr:data-testid="class-open">{name}</A> }.into_any()
                    } else {
                        name.into_any()
                    }}
                </td>
                <td>{class.learners}</td>
                <td>
                    {match on_leave {
                        None => view! { <JoinCode code=class.join_code.unwrap_or_default()/> }.into_any(),
                        Some(leave) => view! {
                            <button
                                type="button"
                                class="button small"
                                data-testid="class-leave"
                                aria-label=format!("Leave {}", class.name)
                                on:click=move |_| leave.run(leaving.clone())
                            >
                                "Leave"
                            </button>
                        }.into_any(),
                    }}
                </td>
            </tr>
        }
    };
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label="Classes">
            <table data-testid="classes">
                <thead>
                    <tr>
                        <th scope="col">"Class"</th>
                        <th scope="col">"Learners"</th>
                        <th scope="col">
                            {if teaches {
                                "Join code".into_any()
                            } else {
                                view! { <span class="visually-hidden">"Actions"</span> }.into_any()
                            }}
                        </th>
                    </tr>
                </thead>
                <tbody>{classes.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// A join code with a button that copies it.
#[component]
pub fn JoinCode(
    /// The code.
    code: String,
) -> impl IntoView {
    view! {
        <span class="join-code">
            <code data-testid="class-join-code">{code.clone()}</code>
            <CopyButton text=code/>
        </span>
    }
}
