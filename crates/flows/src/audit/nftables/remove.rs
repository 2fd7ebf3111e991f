//! Commands that take something away from what stands before them in the file.

use super::Source;

impl Source {
    /// Whether the command was understood: `flush`, `delete` or `destroy` of a table, a chain, a
    /// set or a map.
    pub(super) fn remove(&mut self, words: &[&str]) -> bool {
        let [verb, object, rest @ ..] = words else {
            return false;
        };
        if (*verb, *object, rest) == ("flush", "ruleset", &[]) {
            self.tables.clear();
            return true;
        }
        let (family, rest) = match rest {
            [family, rest @ ..] if super::FAMILIES.contains(family) => (*family, rest),
            rest => ("ip", rest),
        };
        let [name, rest @ ..] = rest else {
            return false;
        };
        let deletes = *verb != "flush";
        let at = self
            .tables
            .iter()
            .position(|table| table.family == family && table.name == *name);
        let Some(table) = at.and_then(|at| self.tables.get_mut(at)) else {
            return *object == "table";
        };
        match (*object, rest) {
            ("table", []) if deletes => self
                .tables
                .retain(|table| table.family != family || table.name != *name),
            ("table", []) => table
                .chains
                .iter_mut()
                .for_each(|chain| chain.rules.clear()),
            ("chain", [chain]) if deletes => table.chains.retain(|known| known.name != *chain),
            ("chain", [chain]) => table
                .chains
                .iter_mut()
                .filter(|known| known.name == *chain)
                .for_each(|known| known.rules.clear()),
            ("set" | "map", [set]) if deletes => {
                table.sets.remove(*set);
            }
            ("set" | "map", [set]) => {
                if let Some(set) = table.sets.get_mut(*set) {
                    set.elements.clear();
                }
            }
            _ => return false,
        }
        true
    }
}
