//! The table of actions. The type [`Action`], the author's guide and lint are generated from it.

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::{Map, Value};

use super::kinds::{ActionKind, Argument, ArgumentType, Family, Retries};
use super::wire::{Members, WireError};

macro_rules! required {
    ($type:ty) => {
        <$type as ArgumentType>::REQUIRED
    };
    ($type:ty, $default:literal) => {
        false
    };
}

macro_rules! default_of {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

macro_rules! actions {
    ($(
        $name:literal $variant:ident $prefix:literal $family:ident $summary:literal {
            $( $key:literal $field:ident: $type:ty $(= $default:literal)?, $argument_summary:literal; )*
        }
    )*) => {
        /// What a click on a block does. On the wire it is an object: `action` holds the dialect's name, the other
        /// members are the dialect's arguments.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "action")]
        pub enum Action {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $variant {
                    $(
                        #[doc = $argument_summary]
                        #[serde(rename = $key)]
                        $field: $type,
                    )*
                },
            )*
        }

        impl Action {
            /// Returns the action's name in the dialect, such as `terminal:execute`.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $( Self::$variant { .. } => $name, )*
                }
            }

            /// Returns the look of the action's block.
            #[must_use]
            pub const fn family(&self) -> Family {
                match self {
                    $( Self::$variant { .. } => Family::$family, )*
                }
            }

            /// Builds the action called `name` from the other members of its object.
            pub(super) fn read(name: &str, members: &mut Members) -> Result<Self, WireError> {
                match name {
                    $( $name => Ok(Self::$variant { $( $field: members.take($key)?, )* }), )*
                    other => Err(WireError::UnknownAction(other.to_owned())),
                }
            }
        }

        /// The description of every action: one entry per variant of [`Action`].
        pub const KINDS: &[ActionKind] = &[
            $( ActionKind {
                name: $name,
                summary: $summary,
                prefix: $prefix,
                family: Family::$family,
                arguments: &[
                    $( Argument {
                        name: $key,
                        summary: $argument_summary,
                        kind: <$type as ArgumentType>::KIND,
                        required: required!($type $(, $default)?),
                        default: default_of!($($default)?),
                    }, )*
                ],
            }, )*
        ];
    };
}

actions! {
    "terminal:execute" TerminalExecute "Terminal" Terminal "Types a command into a terminal and runs it." {
        "command" command: String, "the command; several lines run one after another";
        "session" session: String = "1", "the terminal: `1`, `2`, `3`, the name of one made by a dashboard, or `*` for all";
        "clear" clear: bool = "false", "whether to clear the terminal first";
    }
    "terminal:execute-all" TerminalExecuteAll "Terminal" Terminal "Runs a command in every terminal." {
        "command" command: String, "the command";
        "clear" clear: bool = "false", "whether to clear the terminals first";
    }
    "terminal:input" TerminalInput "Terminal" Terminal "Pastes text into a terminal, for a program that waits for input." {
        "text" text: String, "the text to paste";
        "session" session: String = "1", "the terminal: `1`, `2`, `3`, or the name of one made by a dashboard";
        "endl" endl: bool = "true", "whether to add a newline after the text";
    }
    "terminal:interrupt" TerminalInterrupt "Terminal" Terminal "Sends Ctrl-C to a terminal." {
        "session" session: String = "1", "the terminal: `1`, `2`, `3`, or the name of one made by a dashboard";
    }
    "terminal:interrupt-all" TerminalInterruptAll "Terminal" Terminal "Sends Ctrl-C to every terminal." {
    }
    "terminal:clear" TerminalClear "Terminal" Terminal "Clears a terminal and what has scrolled off it." {
        "session" session: String = "1", "the terminal: `1`, `2`, `3`, or the name of one made by a dashboard";
    }
    "terminal:clear-all" TerminalClearAll "Terminal" Terminal "Clears every terminal." {
    }
    "terminal:select" TerminalSelect "Terminal" Terminal "Brings a terminal to the front." {
        "session" session: String = "1", "the terminal: `1`, `2`, `3`, or the name of one made by a dashboard";
    }
    "workshop:copy" WorkshopCopy "Workshop" Copy "Copies text to the learner's clipboard." {
        "text" text: String, "the text to copy";
    }
    "workshop:copy-and-edit" WorkshopCopyAndEdit "Workshop" Copy "Copies text that the learner must change after pasting." {
        "text" text: String, "the text to copy";
    }
    "dashboard:open-url" DashboardOpenUrl "Dashboard" Link "Opens a web address in a new browser tab." {
        "url" url: String, "the address";
    }
    "dashboard:open-dashboard" DashboardOpenDashboard "Dashboard" Other "Brings a dashboard to the front." {
        "name" name: String, "the dashboard's name";
    }
    "dashboard:create-dashboard" DashboardCreateDashboard "Dashboard" Other "Creates a dashboard tab." {
        "name" name: String, "the dashboard's name";
        "url" url: String, "what it shows: an address, or `terminal:<session>`";
        "focus" focus: bool = "true", "whether to show it at once";
    }
    "dashboard:delete-dashboard" DashboardDeleteDashboard "Dashboard" Other "Removes a dashboard tab." {
        "name" name: String, "the dashboard's name";
    }
    "dashboard:reload-dashboard" DashboardReloadDashboard "Dashboard" Other "Reloads a dashboard, or creates it if there is none of that name." {
        "name" name: String, "the dashboard's name";
        "url" url: Option<String>, "what it shows from now on";
        "focus" focus: bool = "true", "whether to show it at once";
    }
    "editor:open-file" EditorOpenFile "Editor" Other "Opens a file in the editor." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "line" line: Option<i64>, "the line to go to, from 1";
    }
    "editor:select-matching-text" EditorSelectMatchingText "Editor" Other "Selects the first text that matches." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "text" text: String, "the text to find";
        "isRegex" is_regex: bool = "false", "whether the text is a regular expression";
        "group" group: Option<i64>, "the group of the regular expression that counts";
        "before" before: Option<i64>, "lines before the match to take too; -1 for all";
        "after" after: Option<i64>, "lines after the match to take too; -1 for all";
        "start" start: Option<i64>, "the first line to search; negative counts from the end";
        "stop" stop: Option<i64>, "the line before which the search ends";
    }
    "editor:replace-matching-text" EditorReplaceMatchingText "Editor" Other "Replaces text that matches." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "match" pattern: String, "the text to find";
        "replacement" replacement: String, "what to put in its place";
        "isRegex" is_regex: bool = "false", "whether the text is a regular expression";
        "group" group: Option<i64>, "the group of the regular expression that counts";
        "start" start: Option<i64>, "the first line to search; negative counts from the end";
        "stop" stop: Option<i64>, "the line before which the search ends";
        "count" count: Option<i64>, "how many matches to replace; -1 for all";
    }
    "editor:select-lines-in-range" EditorSelectLinesInRange "Editor" Other "Selects lines by number." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "start" start: Option<i64>, "the first line, from 1; negative counts from the end";
        "stop" stop: Option<i64>, "the last line";
    }
    "editor:delete-lines-in-range" EditorDeleteLinesInRange "Editor" Other "Deletes lines by number." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "start" start: Option<i64>, "the first line, from 1; negative counts from the end";
        "stop" stop: Option<i64>, "the last line";
    }
    "editor:replace-lines-in-range" EditorReplaceLinesInRange "Editor" Other "Replaces lines by number." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "start" start: Option<i64>, "the first line, from 1; negative counts from the end";
        "stop" stop: Option<i64>, "the last line";
        "text" text: String = "", "the text";
    }
    "editor:replace-text-selection" EditorReplaceTextSelection "Editor" Other "Replaces what is selected." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "text" text: String, "the text";
    }
    "editor:delete-text-selection" EditorDeleteTextSelection "Editor" Other "Deletes what is selected." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "save" save: bool = "true", "whether to save the file afterwards";
    }
    "editor:insert-lines-before-selection" EditorInsertLinesBeforeSelection "Editor" Other "Inserts lines before what is selected." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "text" text: String, "the text";
    }
    "editor:append-lines-after-selection" EditorAppendLinesAfterSelection "Editor" Other "Adds lines after what is selected." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "text" text: String, "the text";
    }
    "editor:append-lines-to-file" EditorAppendLinesToFile "Editor" Other "Adds lines at the end of a file, which is created if it does not exist." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "text" text: String = "", "the text";
    }
    "editor:prepend-lines-to-file" EditorPrependLinesToFile "Editor" Other "Adds lines at the start of a file, which is created if it does not exist." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "text" text: String = "", "the text";
    }
    "editor:create-file" EditorCreateFile "Editor" Other "Creates a file with this text, or overwrites it." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "text" text: Option<String>, "the text; without it the file is empty";
    }
    "editor:insert-lines-before-line" EditorInsertLinesBeforeLine "Editor" Other "Inserts lines before a line." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "line" line: i64, "the line, from 1; negative counts from the end";
        "text" text: String = "", "the text";
    }
    "editor:append-lines-after-line" EditorAppendLinesAfterLine "Editor" Other "Adds lines after a line." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "line" line: i64, "the line, from 1; negative counts from the end";
        "text" text: String = "", "the text";
    }
    "editor:append-lines-after-match" EditorAppendLinesAfterMatch "Editor" Other "Adds lines after the first line that holds a text." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "match" pattern: String, "the text to find";
        "text" text: String = "", "the text";
    }
    "editor:insert-lines-before-match" EditorInsertLinesBeforeMatch "Editor" Other "Inserts lines before the first line that holds a text." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "match" pattern: String, "the text to find";
        "text" text: String = "", "the text";
    }
    "editor:delete-matching-lines" EditorDeleteMatchingLines "Editor" Other "Deletes lines that hold a text." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "match" pattern: String, "the text to find";
        "isRegex" is_regex: bool = "false", "whether the text is a regular expression";
        "before" before: Option<i64>, "lines before the match to take too; -1 for all";
        "after" after: Option<i64>, "lines after the match to take too; -1 for all";
        "count" count: i64 = "1", "how many lines to delete from the match on; -1 for all";
    }
    "editor:copy-file" EditorCopyFile "Editor" Other "Copies a file." {
        "src" src: String, "the existing file";
        "dest" dest: String, "the new file";
        "open" open: bool = "true", "whether to open it in the editor";
    }
    "editor:rename-file" EditorRenameFile "Editor" Other "Renames or moves a file." {
        "src" src: String, "the existing file";
        "dest" dest: String, "the new file";
        "open" open: bool = "true", "whether to open it in the editor";
    }
    "editor:close-file" EditorCloseFile "Editor" Other "Closes a file in the editor." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
    }
    "editor:delete-file" EditorDeleteFile "Editor" Other "Deletes a file." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
    }
    "editor:create-directory" EditorCreateDirectory "Editor" Other "Creates a directory and its parents." {
        "directory" directory: String, "the directory";
    }
    "editor:set-yaml-value" EditorSetYamlValue "Editor" Other "Sets a value in a YAML file; missing keys on the way to it are created." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "path" path: String, "the path of the value, such as `spec.containers[name=web].image`";
        "value" value: Value, "the value";
    }
    "editor:add-yaml-item" EditorAddYamlItem "Editor" Other "Adds an item at the end of a list in a YAML file." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "path" path: String, "the path of the value, such as `spec.containers[name=web].image`";
        "value" value: Value, "the value";
    }
    "editor:insert-yaml-item" EditorInsertYamlItem "Editor" Other "Inserts an item into a list in a YAML file." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "path" path: String, "the path of the value, such as `spec.containers[name=web].image`";
        "index" index: i64 = "0", "the position in the list, from 0";
        "value" value: Value, "the value";
    }
    "editor:replace-yaml-item" EditorReplaceYamlItem "Editor" Other "Replaces an item of a list in a YAML file." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "path" path: String, "the path of the value, such as `spec.containers[name=web].image`";
        "value" value: Value, "the value";
    }
    "editor:merge-yaml-values" EditorMergeYamlValues "Editor" Other "Sets several keys of a mapping in a YAML file." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "path" path: String, "the path of the value, such as `spec.containers[name=web].image`";
        "value" value: Value, "the value";
    }
    "editor:insert-value-into-yaml" EditorInsertValueIntoYaml "Editor" Other "Adds an item to a list, or keys to a mapping, in a YAML file (older form)." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "path" path: String, "the path of the value, such as `spec.containers[name=web].image`";
        "value" value: Value, "the value";
    }
    "editor:delete-yaml-value" EditorDeleteYamlValue "Editor" Other "Deletes a key or an item in a YAML file." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "path" path: String, "the path of the value, such as `spec.containers[name=web].image`";
    }
    "editor:select-yaml-path" EditorSelectYamlPath "Editor" Other "Selects a key or an item, with its value, in a YAML file." {
        "file" file: String, "the file: `~/x`, `$HOME/x` or relative to the home directory";
        "path" path: Option<String>, "the path of the value, such as `spec.containers[name=web].image`; without it everything is selected";
    }
    "editor:execute-command" EditorExecuteCommand "Editor" Other "Runs one of the editor's own commands." {
        "command" command: String, "the command's id";
        "args" args: Vec<Value>, "its arguments";
    }
    "editor:open-terminal" EditorOpenTerminal "Editor" Other "Opens a terminal in the editor." {
        "session" session: String = "educates", "the editor's terminal";
    }
    "editor:close-terminal" EditorCloseTerminal "Editor" Other "Closes a terminal of the editor." {
        "session" session: String = "educates", "the editor's terminal";
    }
    "editor:interrupt-terminal" EditorInterruptTerminal "Editor" Other "Sends Ctrl-C to a terminal of the editor." {
        "session" session: String = "educates", "the editor's terminal";
    }
    "editor:clear-terminal" EditorClearTerminal "Editor" Other "Clears a terminal of the editor." {
        "session" session: String = "educates", "the editor's terminal";
    }
    "editor:send-to-terminal" EditorSendToTerminal "Editor" Other "Types text into a terminal of the editor." {
        "text" text: String, "the text";
        "session" session: String = "educates", "the editor's terminal";
        "endl" endl: bool = "true", "whether to add a newline after the text";
    }
    "examiner:execute-test" ExaminerExecuteTest "Examiner" Check "Runs a check and shows whether it passes." {
        "name" name: String, "the check: a file in `workshop/examiner/tests`";
        "args" args: Vec<String>, "the check's arguments";
        "timeout" timeout_secs: u32 = "15", "seconds after which a run has failed";
        "retries" retries: Retries = "0", "how many times a failed run is repeated";
        "delay" delay_secs: f64 = "1", "seconds between two tries";
        "url" url: Option<String>, "an address that runs the check instead of a file";
        "inputs" inputs: Option<Value>, "a form (`schema`, `form`) whose answers the check reads as JSON";
    }
    "files:download-file" FilesDownloadFile "Files" Other "Saves a file of the session on the learner's machine." {
        "path" path: Option<String>, "the file, below the home directory";
        "url" url: Option<String>, "where to fetch the file, instead of `path`";
        "download" download: Option<String>, "the name under which to save it";
        "preview" preview: bool = "false", "whether to show the file beside the page";
    }
    "files:copy-file" FilesCopyFile "Files" Other "Copies a file's text to the learner's clipboard." {
        "path" path: Option<String>, "the file, below the home directory";
        "url" url: Option<String>, "where to fetch the file, instead of `path`";
        "download" download: Option<String>, "the name under which to save it";
        "preview" preview: bool = "false", "whether to show the file beside the page";
    }
    "files:upload-file" FilesUploadFile "Files" Other "Lets the learner upload one file under a given name." {
        "path" path: String, "the name of the file, below the uploads directory";
    }
    "files:upload-files" FilesUploadFiles "Files" Other "Lets the learner upload files under their own names." {
    }
    "section:begin" SectionBegin "Section" Other "Begins a part of the page that can be collapsed." {
        "name" name: Option<String>, "the section's name, needed where sections nest";
        "open" open: bool = "false", "whether it is expanded at first";
    }
    "section:end" SectionEnd "Section" Other "Ends the section of that name." {
        "name" name: Option<String>, "the section's name";
        "toggle" toggle: bool = "true", "whether a cascade that gets here collapses the section";
    }
    "section:heading" SectionHeading "Section" Tick "Shows a heading that the learner can tick off." {
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::deserialize(deserializer)?;
        let action = match members.remove("action") {
            Some(Value::String(name)) => Self::read(&name, &mut Members::new(members)),
            _ => Err(WireError::NoName),
        };
        action.map_err(|error| match &error {
            WireError::Unreadable { cause, .. } => D::Error::custom(format_args!("{error}: {cause}")),
            WireError::NoName | WireError::UnknownAction(_) | WireError::Missing(_) => {
                D::Error::custom(&error)
            }
        })
    }
}
