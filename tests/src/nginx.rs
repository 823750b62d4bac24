//! nginx, in a folder of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::certificates::Files;
use crate::peer::Peer;
use crate::process::{PATIENCE, Running};

/// An nginx that serves and takes files, and logs what it saw.
pub struct Nginx {
    /// Where it listens for HTTPS.
    pub tls: SocketAddr,
    /// Where it listens for HTTP.
    pub plain: SocketAddr,
    running: Running,
    folder: TempDir,
}

impl Nginx {
    /// With this certificate, and these lines in its `server` block besides.
    pub fn start(files: &Files, more: &str) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        for name in ["files", "bodies"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        open_to_workers(folder.path())?;
        let (tls, plain) = (free()?, free()?);
        let configuration = folder.path().join("nginx.conf");
        std::fs::write(&configuration, text(folder.path(), files, tls, plain, more))?;
        let running = Running::start(
            Peer::Nginx.command(),
            [
                "-p".as_ref(),
                folder.path().as_os_str(),
                "-c".as_ref(),
                configuration.as_os_str(),
            ],
        )?;
        let nginx = Self {
            tls,
            plain,
            running,
            folder,
        };
        nginx.ready()?;
        Ok(nginx)
    }

    fn ready(&self) -> Result<(), Failed> {
        let until = Instant::now() + PATIENCE / 2;
        while TcpStream::connect(self.plain).is_err() {
            let said = self.running.said();
            crate::ensure!(Instant::now() < until, "nginx does not listen: {said}");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The file of this name in what it serves.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("files").join(name)
    }

    /// Waits until the log has a line with these words, and returns it.
    pub fn logs(&self, words: &str) -> Result<String, Failed> {
        let until = Instant::now() + PATIENCE / 2;
        loop {
            let log = std::fs::read_to_string(self.folder.path().join("access.log"));
            let log = log.unwrap_or_default();
            if let Some(line) = log.lines().find(|line| line.contains(words)) {
                return Ok(line.to_owned());
            }
            crate::ensure!(
                Instant::now() < until,
                "no {words:?} in nginx's log:\n{log}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Its workers may run as another user.
fn open_to_workers(folder: &Path) -> Result<(), Failed> {
    #[cfg(unix)]
    for path in [
        folder.to_owned(),
        folder.join("files"),
        folder.join("bodies"),
    ] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(path, mode)?;
    }
    Ok(())
}

fn free() -> Result<SocketAddr, Failed> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn text(folder: &Path, files: &Files, tls: SocketAddr, plain: SocketAddr, more: &str) -> String {
    let folder = folder.display();
    let (certificate, key) = (files.certificate.display(), files.key.display());
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
  log_format words '$request_method $uri status=$status tls=$ssl_protocol suite=$ssl_cipher '
    'curve=$ssl_curve name=$ssl_server_name number=$connection_requests reused=$ssl_session_reused';
  access_log {folder}/access.log words;
  client_body_temp_path {folder}/bodies; client_max_body_size 0;
  proxy_temp_path {folder}/bodies; fastcgi_temp_path {folder}/bodies;
  uwsgi_temp_path {folder}/bodies; scgi_temp_path {folder}/bodies;
  proxy_cache_path {folder}/answers keys_zone=answers:1m;
  default_type application/octet-stream;
  server {{
    listen {plain};
    listen {tls} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;
    root {folder}/files;
    location / {{ dav_methods PUT; }}
    location /chunked/ {{ alias {folder}/files/; ssi on; ssi_types *; }}
    {more}
  }}
}}
"
    )
}
