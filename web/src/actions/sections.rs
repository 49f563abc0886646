//! Which blocks of a page may run, by the sections around them. Pure.

use lectern_api::actions::{Action, ActionBlock};

use super::plan::{Plan, plan};

/// Returns the block after `id` that a cascade runs. It skips the blocks of closed sections, but not a section's own
/// end: a cascade that leaves the section goes on there.
pub fn next_of(blocks: &[ActionBlock], id: u32, is_open: impl Fn(u32) -> bool) -> Option<u32> {
    blocks
        .iter()
        .skip_while(|block| block.id != id)
        .skip(1)
        .filter(|block| block.action().is_some())
        .find(|block| around(blocks, block).iter().all(|section| is_open(*section)))
        .map(|block| block.id)
}

/// Returns the sections that hide a block when they are closed.
fn around<'a>(blocks: &[ActionBlock], block: &'a ActionBlock) -> &'a [u32] {
    let own =
        section_of_end(blocks, block).and_then(|begin| block.sections.iter().position(|id| *id == begin));
    &block.sections[..own.unwrap_or(block.sections.len())]
}

/// Returns the section that a `section:end` ends, by the id of its beginning.
pub fn section_of_end(blocks: &[ActionBlock], end: &ActionBlock) -> Option<u32> {
    let Some(Action::SectionEnd { name, .. }) = end.action() else { return None };
    let begins = end.sections.iter().rev().copied();
    let named = |id: &u32| {
        name.is_none()
            || blocks.iter().any(|block| {
                block.id == *id
                    && matches!(block.action(), Some(Action::SectionBegin { name: own, .. }) if own == name)
            })
    };
    begins.into_iter().find(named)
}

/// Returns the sections that close with this one: itself and those inside it.
pub fn closing(blocks: &[ActionBlock], section: u32) -> Vec<u32> {
    let begins = blocks.iter().filter(|block| matches!(block.action(), Some(Action::SectionBegin { .. })));
    begins
        .filter(|block| block.id == section || block.sections.contains(&section))
        .map(|block| block.id)
        .collect()
}

/// Returns the blocks, other than sections, that start by themselves and are not hidden by a closed section.
pub fn autostarts(blocks: &[ActionBlock], is_open: impl Fn(u32) -> bool) -> Vec<u32> {
    let shown = |block: &&ActionBlock| block.sections.iter().all(|section| is_open(*section));
    starting(blocks).filter(|block| !is_section(block)).filter(shown).map(|block| block.id).collect()
}

/// Returns the blocks that start by themselves when this section opens. Those of sections within it do not.
pub fn autostarts_in(blocks: &[ActionBlock], section: u32) -> Vec<u32> {
    starting(blocks)
        .filter(|block| block.sections.last() == Some(&section))
        .filter(|block| !matches!(block.action(), Some(Action::SectionEnd { .. })))
        .map(|block| block.id)
        .collect()
}

/// Returns the sections that are open from the beginning because they start by themselves.
pub fn opening(blocks: &[ActionBlock]) -> Vec<u32> {
    starting(blocks)
        .filter(|block| block.sections.is_empty())
        .filter(|block| matches!(block.action(), Some(Action::SectionBegin { .. })))
        .map(|block| block.id)
        .collect()
}

fn starting(blocks: &[ActionBlock]) -> impl Iterator<Item = &ActionBlock> {
    blocks
        .iter()
        .filter(|block| block.options.autostart)
        .filter(|block| block.action().is_some_and(|action| !matches!(plan(action), Plan::Unsupported(_))))
}

fn is_section(block: &ActionBlock) -> bool {
    block.action().is_some_and(|action| plan(action).is_section())
}

#[cfg(test)]
mod tests {
    use lectern_api::actions::{ActionOptions, BlockContent};

    use super::*;

    fn block(id: u32, sections: &[u32], action: Action) -> ActionBlock {
        ActionBlock {
            id,
            name: action.name().to_owned(),
            line: 1,
            sections: sections.to_vec(),
            label: String::new(),
            body: String::new(),
            options: ActionOptions::default(),
            content: BlockContent::Ready { action },
        }
    }

    fn begin(name: Option<&str>) -> Action {
        Action::SectionBegin { name: name.map(str::to_owned), open: false }
    }

    fn end(name: Option<&str>) -> Action {
        Action::SectionEnd { name: name.map(str::to_owned), toggle: true }
    }

    fn page() -> Vec<ActionBlock> {
        vec![
            block(0, &[], Action::TerminalClearAll {}),
            block(1, &[], begin(Some("outer"))),
            block(2, &[1], Action::TerminalClearAll {}),
            block(3, &[1], begin(None)),
            block(4, &[1, 3], Action::TerminalClearAll {}),
            block(5, &[1, 3], end(None)),
            block(6, &[1], end(Some("outer"))),
            block(7, &[], Action::TerminalClearAll {}),
        ]
    }

    #[test]
    fn a_cascade_does_not_run_what_a_closed_section_hides() {
        let blocks = page();
        assert_eq!(next_of(&blocks, 0, |_| false), Some(1), "the section itself is the next block");
        assert_eq!(next_of(&blocks, 1, |_| false), Some(6), "closed: on to its end");
        assert_eq!(next_of(&blocks, 1, |id| id == 1), Some(2));
        assert_eq!(next_of(&blocks, 3, |id| id == 1), Some(5), "only the inner one is closed");
        assert_eq!(next_of(&blocks, 4, |_| true), Some(5));
        assert_eq!(next_of(&blocks, 6, |_| false), Some(7));
        assert_eq!(next_of(&blocks, 7, |_| true), None);
    }

    #[test]
    fn an_end_ends_the_section_that_it_names() {
        let blocks = page();
        assert_eq!(section_of_end(&blocks, &blocks[5]), Some(3));
        assert_eq!(section_of_end(&blocks, &blocks[6]), Some(1));
        assert_eq!(section_of_end(&blocks, &block(9, &[1, 3], end(Some("outer")))), Some(1));
        assert_eq!(section_of_end(&blocks, &blocks[0]), None);
    }

    #[test]
    fn a_section_closes_with_those_inside_it() {
        let mut blocks = page();
        blocks.push(block(8, &[], begin(Some("next"))));
        assert_eq!(closing(&blocks, 1), [1, 3]);
        assert_eq!(closing(&blocks, 3), [3]);
        assert_eq!(closing(&blocks, 8), [8]);
    }

    #[test]
    fn what_starts_by_itself_waits_for_its_section_to_be_opened() {
        let mut blocks = page();
        for id in [0, 2, 3, 4] {
            blocks[id].options.autostart = true;
        }
        assert_eq!(autostarts(&blocks, |_| false), [0]);
        assert_eq!(autostarts(&blocks, |id| id == 1), [0, 2]);
        assert_eq!(autostarts_in(&blocks, 1), [2, 3]);
        assert_eq!(autostarts_in(&blocks, 3), [4]);
        assert!(opening(&blocks).is_empty());
        blocks[1].options.autostart = true;
        assert_eq!(opening(&blocks), [1]);
    }

    #[test]
    fn what_cannot_be_run_does_not_start_by_itself() {
        let mut blocks = vec![block(0, &[], Action::DashboardOpenUrl { url: "javascript:alert(1)".into() })];
        blocks[0].options.autostart = true;
        assert!(autostarts(&blocks, |_| true).is_empty());
    }
}
