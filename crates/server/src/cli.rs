//! The command line.

mod kept;
mod recover;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, Parser, Subcommand};
use hyper_util::rt::TokioTimer;

use crate::app::App;
use crate::bootstrap;
use crate::config::{Config, ConfigError, check_url};
use crate::store::Lock;

/// Holds policy, routes requests, signs documents, keeps the audit log.
#[derive(Debug, Parser)]
#[command(name = "brevet-server", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, the console and the computers
    Serve {
        #[command(flatten)]
        place: Place,
        /// Address and port; port 0 takes any that is free
        #[arg(long)]
        listen: Option<String>,
    },
    /// Set up: keys and the first owner, with a one-time sign-in link and an API token
    Bootstrap {
        #[command(flatten)]
        place: Place,
        /// Write the root key to this file instead of keeping it with the data
        #[arg(long)]
        root_key_to: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Make a one-time sign-in link for a person who cannot sign in any more
    ///
    /// Also while the server runs; run it as the server's user. The link works for an hour, and that it was made is on record.
    Recover {
        #[command(flatten)]
        place: Place,
        /// Name or id of the person
        #[arg(long, value_name = "NAME")]
        person: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Read the configuration and say what is wrong with it
    CheckConfig {
        #[command(flatten)]
        place: Place,
    },
    /// Bring the database up to this version, or move it from SQLite to PostgreSQL
    ///
    /// With --to, while the server is stopped: copies everything into an empty PostgreSQL database in one transaction, compares each
    /// table by number of rows and content, and sets the SQLite database aside. Computers, persons and tokens notice nothing.
    Migrate {
        #[command(flatten)]
        place: Place,
        /// An empty PostgreSQL database to move everything to, postgres://USER@HOST/NAME
        #[arg(long, value_name = "URL", conflicts_with = "database")]
        to: Option<String>,
    },
    /// Copy the database to a new file, also while the server runs
    ///
    /// The file holds everything but the keys and the certificate authority, which do not change: keep a copy of those apart.
    /// It is an SQLite database, also of a PostgreSQL one.
    Backup {
        #[command(flatten)]
        place: Place,
        /// A new file, which only its owner will be able to read
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Put a backup in place while the server is stopped, and begin a new epoch that computers believe
    ///
    /// Needs the keys and the certificate authority in the data directory, and the root key. Run it as the server's user.
    /// With --database the backup is put into PostgreSQL; without --from it only begins the new epoch there, after PostgreSQL's own
    /// tools have put the database back.
    Restore {
        #[command(flatten)]
        place: Place,
        /// What `backup` wrote
        #[arg(long, value_name = "FILE", required_unless_present = "database")]
        from: Option<PathBuf>,
        /// Where the root key is, when it is not with the data
        #[arg(long, value_name = "FILE")]
        root_key: Option<PathBuf>,
        /// Set the database that is there aside; in PostgreSQL its tables, to a schema of their own
        #[arg(long)]
        replace: bool,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// Where database, keys and certificate are
    #[arg(long)]
    data: Option<PathBuf>,
    /// The public address, https://HOST[:PORT]
    #[arg(long)]
    url: Option<String>,
    /// A PostgreSQL address instead of SQLite with the data
    #[arg(long)]
    database: Option<String>,
    /// A file with any of these and more
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Everything that was said, by whom ever.
struct Said {
    data: PathBuf,
    config: Config,
}

impl Place {
    fn read(self) -> Result<Said, ConfigError> {
        let mut config = Config::load(self.config.as_deref())?;
        config.url = self.url.or(config.url);
        config.database = self.database.or(config.database);
        if let Some(url) = &mut config.url {
            let plain = url.trim_end_matches('/').to_owned();
            check_url(&plain)?;
            *url = plain;
        }
        let data = self.data.or_else(|| config.data.clone()).ok_or(ConfigError::Missing("--data"))?;
        Ok(Said { data, config })
    }
}

/// Does what the command line says.
///
/// # Errors
/// In words for the person who typed it.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve { place, listen } => serve(place.read()?, listen).await,
        Command::Bootstrap { place, root_key_to, json } => set_up(place.read()?, root_key_to.as_deref(), json).await,
        Command::Recover { place, person, json } => recover::recover(&place.read()?, &person, json).await,
        Command::CheckConfig { place } => {
            place.read()?;
            eprintln!("brevet-server: the configuration is right");
            Ok(())
        }
        Command::Migrate { place, to } => kept::migrate(&place.read()?, to.as_deref()).await,
        Command::Backup { place, to } => kept::backup(&place.read()?, &to).await,
        Command::Restore { place, from, root_key, replace } => {
            kept::restore(&place.read()?, from.as_deref(), root_key.as_deref(), replace).await
        }
    }
}

async fn set_up(said: Said, root_to: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let url = said.config.url.clone().unwrap_or_else(|| "https://localhost:8443".into());
    let made = bootstrap::bootstrap(&said.data, &url, said.config.database.as_deref(), root_to).await?;
    if json {
        println!("{}", serde_json::to_string(&made)?);
        return Ok(());
    }
    println!("the first owner is set up; they may also approve, and are recorded as having no OS user");
    println!();
    println!("sign in once, within an hour:  {}", made.sign_in);
    println!("API token, for 90 days:        {}", made.token);
    println!("certificate authority:         {}", made.ca.display());
    if root_to.is_none() {
        println!("root key:                      {}", said.data.join("keys/root.key").display());
        println!();
        println!("take the root key off this machine: only new keys need it (--root-key-to FILE puts it elsewhere at once)");
    }
    Ok(())
}

async fn serve(said: Said, listen: Option<String>) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,sqlx=warn,sea_orm_migration=warn".into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    let address = listen.or_else(|| said.config.listen.clone()).unwrap_or_else(|| "127.0.0.1:8443".into());
    let listener = std::net::TcpListener::bind(&address).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let url = said.config.url.clone().unwrap_or_else(|| format!("https://localhost:{port}"));
    let Said { data, config } = said;
    let database = config.database.clone();
    let _lock = match (&database, data.is_dir()) {
        (None, true) => {
            let lock = Lock::take(&data).with_context(|| format!("cannot use {}", data.display()))?;
            Some(lock.ok_or_else(|| anyhow!("another brevet-server serves {}", data.display()))?)
        }
        _ => None,
    };
    let app = bootstrap::open(&data, url, database.as_deref(), config).await?;
    eprintln!("brevet-server: listening on {}", display_address(listener.local_addr()?));
    let handle = axum_server::Handle::new();
    tokio::spawn(stop_on_signal(app.clone(), handle.clone()));
    serve_on(app, listener, handle).await
}

fn display_address(address: SocketAddr) -> String {
    if address.ip().is_loopback() { format!("https://localhost:{}", address.port()) } else { format!("https://{address}") }
}

/// Serves until the handle says stop.
///
/// # Errors
/// When TLS or the listener cannot be used.
pub async fn serve_on(app: App, listener: std::net::TcpListener, handle: axum_server::Handle<SocketAddr>) -> anyhow::Result<()> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = check_url(&app.url)?;
    if !names.contains(&host) {
        names.push(host);
    }
    let tls = app.authority.server_config(names.clone(), app.clock.now())?;
    let tls = axum_server::tls_rustls::RustlsConfig::from_config(tls);
    let renewing = tokio::spawn(renew(app.clone(), tls.clone(), names));
    let sweeping = tokio::spawn(crate::sweep::run(app.clone()));
    let listening = tokio::spawn(crate::replicas::run(app.clone()));
    let notifying = tokio::spawn(crate::notification::run(app.clone()));
    let router = crate::http::router(&app);
    let served = bounded(axum_server::from_tcp_rustls(listener, tls)?, &app).handle(handle);
    let served = served.serve(router.into_make_service_with_connect_info::<SocketAddr>()).await;
    sweeping.abort();
    notifying.abort();
    renewing.abort();
    listening.abort();
    if let Err(error) = crate::replicas::leave(&app).await {
        tracing::warn!(%error, "the other servers will notice by themselves that this one stopped");
    }
    app.store.pool.clone().close().await?;
    served.map_err(|error| anyhow!(error).context("the server stopped"))
}

/// Replaces the certificate before it ends, while the server runs; new connections get the new one.
async fn renew(app: App, tls: axum_server::tls_rustls::RustlsConfig, names: Vec<String>) {
    let mut every = tokio::time::interval(Duration::from_secs(3600));
    loop {
        every.tick().await;
        if !app.authority.ends_soon(app.clock.now()) {
            continue;
        }
        match app.authority.server_config(names.clone(), app.clock.now()) {
            Ok(config) => {
                tls.reload_from_config(config);
                tracing::info!("the server's certificate was replaced; the new one ends at {}", app.authority.ends());
            }
            Err(error) => tracing::error!(%error, "the server's certificate could not be replaced; it ends at {}", app.authority.ends()),
        }
    }
}

/// A connection that says nothing, or says it one byte at a time, is not waited for.
fn bounded<A>(mut server: axum_server::Server<SocketAddr, A>, app: &App) -> axum_server::Server<SocketAddr, A> {
    let longest = Duration::from_millis(app.config.limits.header_timeout.millis());
    let builder = server.http_builder();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(longest).max_headers(100).max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(60))
        .max_concurrent_streams(100)
        .max_header_list_size(64 << 10);
    server.first_request_timeout(longest)
}

async fn stop_on_signal(app: App, handle: axum_server::Handle<SocketAddr>) {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    app.stopping.send_replace(true);
    handle.graceful_shutdown(Some(Duration::from_secs(5)));
}
