//! The databases of the harness: files, or with `HUB_TEST_STORE=postgres` and
//! `HUB_TEST_POSTGRES=URL` databases on a PostgreSQL server, one per node and removed at the end.

use std::collections::BTreeMap;

use hub::config::NodeConfig;
use hub::node::database_path;
use hub::store::scratch::Scratch;
use hub::store::sql::Sql;

use crate::TestHub;

/// Makes a database for each node, and names it in its configuration.
pub(crate) async fn make(
    configs: &mut BTreeMap<&'static str, NodeConfig>,
) -> BTreeMap<&'static str, Scratch> {
    let mut databases = BTreeMap::new();
    for (name, config) in configs {
        let database = Scratch::new(&config.data).await.expect("a database");
        config.store = database.config().clone();
        databases.insert(*name, database);
    }
    databases
}

impl TestHub {
    /// The database of a node, for whoever holds it besides the node.
    #[must_use]
    pub fn database(&self, name: &str) -> &Scratch {
        &self.databases[name]
    }

    /// Gives a node that does not run a new, empty database.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn forget_database(&mut self, name: &'static str) {
        assert!(!self.is_running(name), "{name} runs");
        let config = self.configs.get_mut(name).expect("a node");
        for rest in ["", "-wal", "-shm"] {
            let file = database_path(&config.data).with_extension(format!("sqlite{rest}"));
            if file.exists() {
                std::fs::remove_file(file).expect("removed");
            }
        }
        let database = Scratch::new(&config.data).await.expect("a database");
        config.store = database.config().clone();
        self.databases.insert(name, database);
    }

    /// How many leaves of one activity and result a node's log holds; `*` for any result.
    pub async fn leaves(&self, name: &str, activity: &str, result: &str) -> i64 {
        const COUNT: Sql = Sql::each(
            "select count(*) from log_leaf \
             where json_extract(cast(bytes as text), '$.activity') = $1 \
             and ($2 = '*' or json_extract(cast(bytes as text), '$.result') = $2)",
            "select count(*) from log_leaf \
             where convert_from(bytes, 'UTF8')::json ->> 'activity' = $1 \
             and ($2 = '*' or convert_from(bytes, 'UTF8')::json ->> 'result' = $2)",
        );
        let query = COUNT.bind(activity).bind(result);
        let count = query.value(self.node(name).store.reader()).await;
        count.expect("counts")
    }
}
