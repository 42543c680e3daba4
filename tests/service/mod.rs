//! The service as a whole: command line, settings, keyring, jobs, caches, schema and architecture.

pub mod architecture;
pub mod background_jobs;
pub mod cache_commit;
pub mod cache_invalidation;
pub mod check_config;
pub mod cli;
pub mod database_roles;
pub mod dependencies;
pub mod group_commit;
pub mod hot_path_load;
pub mod jobs;
pub mod keyring;
pub mod links;
pub mod logging;
pub mod operations;
pub mod postgres_upgrade;
pub mod releases;
pub mod schema;
