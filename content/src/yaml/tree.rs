//! YAML documents, as serde reads them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::{Data, Key, Node};

/// Whether nodes have line numbers.
pub(super) trait Mode {
    type Child<'de>: Deserialize<'de> + Into<Node>;
}

/// Nodes have line numbers.
pub(super) struct Located;

impl Mode for Located {
    type Child<'de> = Spanned<Tree<Self>>;
}

/// Nodes have no line numbers.
pub(super) struct Quick;

impl Mode for Quick {
    type Child<'de> = Tree<Self>;
}

/// A node without its line number.
pub(super) struct Tree<M>(Data, PhantomData<M>);

impl From<Spanned<Tree<Located>>> for Node {
    fn from(spanned: Spanned<Tree<Located>>) -> Self {
        let place = |number: u64| u32::try_from(number).unwrap_or(1).max(1);
        Self {
            line: place(spanned.referenced.line()),
            column: place(spanned.referenced.column()),
            data: spanned.value.0,
        }
    }
}

impl From<Tree<Quick>> for Node {
    fn from(tree: Tree<Quick>) -> Self {
        Self { line: 1, column: 1, data: tree.0 }
    }
}

impl<'de, M: Mode> Deserialize<'de> for Tree<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let data = deserializer.deserialize_any(DataVisitor::<M>(PhantomData))?;
        Ok(Self(data, PhantomData))
    }
}

struct DataVisitor<M>(PhantomData<M>);

impl<'de, M: Mode> Visitor<'de> for DataVisitor<M> {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_none<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
        Tree::<M>::deserialize(deserializer).map(|tree| tree.0)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Data, E> {
        Ok(Data::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Data, E> {
        Ok(Data::Whole(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "what does not fit i64 is shown, not counted with")]
    fn visit_u64<E>(self, number: u64) -> Result<Data, E> {
        Ok(i64::try_from(number).map_or(Data::Float(number as f64), Data::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Data, E> {
        Ok(Data::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Data, E> {
        Ok(Data::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Data, E> {
        Ok(Data::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<M::Child<'de>>()? {
            list.push(item.into());
        }
        Ok(Data::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Data, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<M::Child<'de>, M::Child<'de>>()? {
            let key: Node = key.into();
            let text = key.text().unwrap_or_default();
            map.push((Key { text, line: key.line, column: key.column }, value.into()));
        }
        Ok(Data::Map(map))
    }
}
