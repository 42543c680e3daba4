//! One SMTP connection: opening it (TCP, TLS, EHLO, AUTH), and one mail transaction at a time (RFC 5321 section 3.3).
//!
//! Commands are sent one by one here, instead of by lettre's `send`, to know in which phase a failure happened:
//! before the content nothing was delivered; after transmission of the content has begun, only a reply tells.

use std::{borrow::Cow, error::Error as _, future::Future, time::Duration};

#[expect(
    deprecated,
    reason = "the only way to implicit TLS over a socket whose TCP_NODELAY we set; lettre pinned"
)]
use lettre::transport::smtp::client::AsyncNetworkStream;
use lettre::{
    Address,
    transport::smtp::{
        Error as SmtpError,
        authentication::Mechanism,
        client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters},
        commands::{Auth, Data, Ehlo, Mail, Quit, Rcpt, Rset},
        extension::{Extension, MailBodyParameter, MailParameter, ServerInfo},
        response::Response,
    },
};
use tokio::{net::TcpStream, time::timeout};

use super::{
    Accepted, EnhancedCode, Message, SendError, SmtpSettings, Timeouts, TlsMode,
    stream::{Prelude, UntilTls},
    text,
};

/// Texts of errors for messages that cannot be offered to the relay.
pub(super) const UNSENDABLE: [&str; 3] = [NO_ADDRESS, NO_SMTPUTF8, NO_8BITMIME];
const NO_ADDRESS: &str = "not a valid e-mail address";
const NO_SMTPUTF8: &str = "the address needs SMTPUTF8, which the relay lacks";
const NO_8BITMIME: &str = "the content needs 8BITMIME, which the relay lacks";

/// The phase in which a transaction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was sent to the relay.
    Unsent,
    /// At MAIL.
    Mail,
    /// After MAIL was accepted.
    Open,
}

/// A failure and its phase.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) phase: Phase,
    pub(super) error: SendError,
}

impl Failure {
    fn new(phase: Phase, error: SendError) -> Self {
        Self { phase, error }
    }
}

/// Commands sent ahead of the replies read (RFC 2920).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PipelineState {
    Nothing,
    /// MAIL, RCPT and DATA of the next message, whose replies are still to be read.
    Next,
    /// DATA was accepted without a valid recipient: the relay waits for content that will not come.
    Stuck,
}

/// An open connection, ready for MAIL.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    capabilities: ServerInfo,
    /// The relay offers PIPELINING (RFC 2920).
    pipelines: bool,
    /// The relay answered the last message within `QUICK_REPLY` (`pool`).
    pub(super) is_quick: bool,
    pipeline: PipelineState,
    /// Transactions begun on this connection.
    pub(super) messages: u32,
}

impl Connection {
    /// Opens a connection, including TLS and AUTH. Every failure is [`SendError::Refused`], or `Broken` for 421.
    pub(super) async fn open(settings: &SmtpSettings, timeouts: &Timeouts) -> Result<Self, SendError> {
        let address = (settings.host.as_str(), settings.port);
        let tcp = timeout(timeouts.connect, TcpStream::connect(address))
            .await
            .map_err(|_| refused("connecting timed out"))?
            .map_err(|error| refused(&format!("connecting failed: {error}")))?;
        tcp.set_nodelay(true).map_err(|error| refused(&format!("TCP_NODELAY failed: {error}")))?;
        let stays_here = tcp.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
        timeout(timeouts.greeting, async {
            let smtp = match settings.mode {
                TlsMode::None => Self::plain(Box::new(tcp), settings).await?,
                TlsMode::Required | TlsMode::Opportunistic => Self::starttls(tcp, settings).await?,
                TlsMode::Implicit => Self::implicit_tls(tcp, settings).await?,
            };
            let mut connection = Self::greet(smtp, settings).await?;
            connection.authenticate(settings, stays_here).await?;
            Ok(connection)
        })
        .await
        .map_err(|_| refused("the relay was too slow to greet or sign in"))?
    }

    /// Sends EHLO to read the relay's extensions. lettre has sent one before, but does not expose PIPELINING.
    async fn greet(mut smtp: AsyncSmtpConnection, settings: &SmtpSettings) -> Result<Self, SendError> {
        let response = smtp.command(Ehlo::new(settings.hello.clone())).await.map_err(|error| not_opened(&error))?;
        let capabilities = ServerInfo::from_response(&response).map_err(|error| not_opened(&error))?;
        let pipelines = response.message().any(|line| line.trim().eq_ignore_ascii_case("PIPELINING"));
        Ok(Self { smtp, capabilities, pipelines, is_quick: false, pipeline: PipelineState::Nothing, messages: 0 })
    }

    async fn plain(
        stream: Box<dyn AsyncTokioStream>,
        settings: &SmtpSettings,
    ) -> Result<AsyncSmtpConnection, SendError> {
        AsyncSmtpConnection::connect_with_transport(stream, &settings.hello).await.map_err(|error| not_opened(&error))
    }

    /// STARTTLS (RFC 3207).
    async fn starttls(tcp: TcpStream, settings: &SmtpSettings) -> Result<AsyncSmtpConnection, SendError> {
        let mut smtp = Self::plain(Box::new(UntilTls::new(tcp)), settings).await?;
        if smtp.can_starttls() {
            smtp.starttls(tls_of(settings)?, &settings.hello).await.map_err(|error| not_opened(&error))?;
        } else if settings.mode == TlsMode::Required {
            return Err(refused("the relay does not offer STARTTLS"));
        } else {
            tracing::debug!(event = "relay.unencrypted", "the relay does not offer STARTTLS; mail goes unencrypted");
        }
        Ok(smtp)
    }

    /// Implicit TLS (RFC 8314). lettre can do this only over sockets that it opens itself, so its connection is made
    /// over a [`Prelude`] and then given the encrypted stream.
    #[expect(deprecated, reason = "see the import")]
    async fn implicit_tls(tcp: TcpStream, settings: &SmtpSettings) -> Result<AsyncSmtpConnection, SendError> {
        let mut stream = AsyncNetworkStream::use_existing_tokio1(Box::new(tcp));
        stream.upgrade_tls(tls_of(settings)?).await.map_err(|error| not_opened(&error))?;
        let mut smtp = Self::plain(Box::new(Prelude::new()), settings).await?;
        smtp.set_stream(stream);
        smtp.read_response().await.map_err(|error| not_opened(&error))?;
        Ok(smtp)
    }

    /// AUTH PLAIN or LOGIN (RFC 4954); only over TLS or to a loopback address.
    async fn authenticate(&mut self, settings: &SmtpSettings, stays_here: bool) -> Result<(), SendError> {
        let Some(credentials) = &settings.credentials else {
            return Ok(());
        };
        if !self.smtp.is_encrypted() && !stays_here {
            return Err(refused("not signing in over an unencrypted connection"));
        }
        let mechanism = self
            .capabilities
            .get_auth_mechanism(&[Mechanism::Plain, Mechanism::Login])
            .ok_or_else(|| refused("the relay offers neither AUTH PLAIN nor LOGIN"))?;
        let mut command = Auth::new(mechanism, credentials.clone(), None);
        // LOGIN has two challenges; a relay that sends more than that is faulty
        for _ in 0..4 {
            let auth = command.map_err(|error| not_opened(&error))?;
            let response = self.smtp.command(auth).await.map_err(|error| not_opened(&error))?;
            if !response.has_code(334) {
                return Ok(());
            }
            command = Auth::new_from_response(mechanism, credentials.clone(), &response);
        }
        Err(refused("signing in did not come to an end"))
    }

    /// Does the relay offer SMTPUTF8 (RFC 6531)?
    pub(super) fn offers_smtputf8(&self) -> bool {
        self.capabilities.supports_feature(Extension::SmtpUtfEight)
    }

    /// May the next message be pipelined, in the write that ends this one? Not if the relay is slow, so that a
    /// connection that gets free earlier can send it; and not beyond the connection's maximum of messages.
    pub(super) fn can_pipeline(&self, messages_per_connection: u32) -> bool {
        self.pipelines && self.is_quick && self.messages + 1 < messages_per_connection
    }

    /// Sends one message. The commands of the `next` one, if any, are pipelined right behind its content; then it
    /// must be the next to be sent (see [`Connection::can_pipeline`]).
    pub(super) async fn transact(
        &mut self,
        message: &Message<'_>,
        next: Option<&Message<'_>>,
        lease_held: &(dyn Fn() -> bool + Sync),
        timeouts: &Timeouts,
    ) -> Result<Accepted, Failure> {
        self.messages += 1;
        let locals = [message.from, message.to].map(|address| address.rsplit_once('@').map_or("", |(local, _)| local));
        let open = |error| Failure::new(Phase::Open, error);
        let go_ahead = if std::mem::replace(&mut self.pipeline, PipelineState::Nothing) == PipelineState::Next {
            let mail = step(timeouts.command, self.smtp.read_response(), &locals).await;
            self.rest_of_envelope(mail, timeouts, &locals).await?
        } else {
            let (mail, rcpt) = self.commands(message).map_err(|error| Failure::new(Phase::Unsent, error))?;
            if self.pipelines {
                let commands = self.smtp.command(format!("{mail}{rcpt}{Data}"));
                let mail = step(timeouts.command, commands, &locals).await;
                self.rest_of_envelope(mail, timeouts, &locals).await?
            } else {
                step(timeouts.command, self.smtp.command(mail), &locals)
                    .await
                    .map_err(|error| Failure::new(Phase::Mail, blame_the_relay(error)))?;
                step(timeouts.command, self.smtp.command(rcpt), &locals).await.map_err(open)?;
                step(timeouts.command, self.smtp.command(Data), &locals).await.map_err(open)?
            }
        };
        if !go_ahead.has_code(354) {
            return Err(open(SendError::Broken { text: format!("unexpected reply {} to DATA", go_ahead.code()) }));
        }
        if !lease_held() {
            // the connection is dropped, and with it what the relay has of the message
            return Err(open(SendError::LeaseLost));
        }
        let next = next.and_then(|next| self.commands(next).ok());
        let content = content(message.raw);
        let sent = async {
            match std::str::from_utf8(&content) {
                Ok(text) => {
                    self.pipeline = if next.is_some() { PipelineState::Next } else { PipelineState::Nothing };
                    let next = next.map_or_else(String::new, |(mail, rcpt)| format!("{mail}{rcpt}{Data}"));
                    self.smtp.command(in_one_piece(text, &next)).await
                }
                Err(_) => self.smtp.message(&content).await,
            }
        };
        let response = step(timeouts.content, sent, &locals).await.map_err(|error| open(uncertain(error)))?;
        let code = u16::from(response.code());
        let text = text::clean(&response.message().collect::<Vec<_>>().join(" "), &locals);
        if (200..300).contains(&code) {
            Ok(Accepted { code, text })
        } else {
            let text = format!("unexpected reply {code} to the content");
            Err(open(SendError::Unknown { text }))
        }
    }

    /// Reads the replies to RCPT and DATA after MAIL, RCPT and DATA were pipelined (RFC 2920: one round trip instead
    /// of three), and returns that to DATA. `mail` is the reply to MAIL.
    async fn rest_of_envelope(
        &mut self,
        mail: Result<Response, SendError>,
        timeouts: &Timeouts,
        locals: &[&str],
    ) -> Result<Response, Failure> {
        if let Err(error @ (SendError::Broken { .. } | SendError::Unknown { .. } | SendError::Refused { .. })) = mail {
            return Err(Failure::new(Phase::Mail, error));
        }
        let rcpt = step(timeouts.command, self.smtp.read_response(), locals).await;
        if let Err(error @ SendError::Broken { .. }) = rcpt {
            return Err(Failure::new(Phase::Open, error));
        }
        let data = step(timeouts.command, self.smtp.read_response(), locals).await;
        // a relay that accepts DATA without a recipient would take the next command as content
        if data.is_ok() && (mail.is_err() || rcpt.is_err()) {
            self.pipeline = PipelineState::Stuck;
        }
        mail.map_err(|error| Failure::new(Phase::Mail, blame_the_relay(error)))?;
        rcpt.and(data).map_err(|error| Failure::new(Phase::Open, error))
    }

    /// MAIL and RCPT with the parameters for this relay's extensions, or why it cannot transport the message.
    fn commands(&self, message: &Message<'_>) -> Result<(Mail, Rcpt), SendError> {
        let from = match message.from {
            "" => None,
            from => Some(path(from)?),
        };
        let to = path(message.to)?;
        let mut parameters = Vec::new();
        let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !from.as_ref().is_none_or(ascii) || !ascii(&to) {
            if !self.capabilities.supports_feature(Extension::SmtpUtfEight) {
                // RFC 6531 section 3.5 gives the codes
                return Err(unsendable(550, 6, 7, NO_SMTPUTF8));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !message.raw.is_ascii() {
            if !self.capabilities.supports_feature(Extension::EightBitMime) {
                // RFC 6152 section 3 and RFC 3463 section 3.7
                return Err(unsendable(554, 6, 3, NO_8BITMIME));
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok((Mail::new(from, parameters), Rcpt::new(to, Vec::new())))
    }

    /// Aborts a failed transaction (RSET, RFC 5321 section 4.1.1.5). False when the connection cannot be used any
    /// more. If the next message is pipelined already, the content was refused, and there is nothing to abort.
    pub(super) async fn reset(&mut self, timeouts: &Timeouts) -> bool {
        if self.pipeline != PipelineState::Nothing {
            return self.pipeline == PipelineState::Next;
        }
        let reply = timeout(timeouts.farewell, self.smtp.command(Rset)).await;
        matches!(reply, Ok(Ok(response)) if response.has_code(250))
    }

    /// QUIT (RFC 5321 section 4.1.1.10); a missing reply is ignored.
    pub(super) async fn quit(mut self, timeouts: &Timeouts) {
        let _ = timeout(timeouts.farewell, self.smtp.command(Quit)).await;
    }
}

/// Runs one command with a time limit. A failure is classified as one before any content.
async fn step(
    limit: Duration,
    command: impl Future<Output = Result<Response, SmtpError>>,
    locals: &[&str],
) -> Result<Response, SendError> {
    match timeout(limit, command).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(read_reply(&error, locals)),
        Err(_) => Err(SendError::Broken { text: "no reply in time".to_owned() }),
    }
}

/// Classifies a negative reply or a failed connection.
fn read_reply(error: &SmtpError, locals: &[&str]) -> SendError {
    let Some(code) = error.status().map(u16::from) else {
        let text = text::clean(&error.to_string(), locals);
        return SendError::Broken { text };
    };
    let reply = error.source().map(ToString::to_string).unwrap_or_default();
    let text = text::clean(&reply, locals);
    // RFC 2034 section 4: the class must agree with the reply code
    let enhanced = EnhancedCode::at_start_of(&reply).filter(|enhanced| u16::from(enhanced.class) == code / 100);
    match code {
        // "service not available, closing transmission channel", in answer to any command
        421 => SendError::Broken { text: format!("421 {text}") },
        400..500 => SendError::Temporary { code, enhanced, text },
        _ => SendError::Permanent { code, enhanced, text },
    }
}

/// Turns a 5xx to MAIL into [`SendError::Refused`]. MAIL names the sender only, so the refusal is about our account,
/// domain or settings (RFC 5321 section 4.2.3, RFC 4954 section 6), whatever its text: no message may fail because of
/// it.
fn blame_the_relay(error: SendError) -> SendError {
    match error {
        SendError::Permanent { code, enhanced, text } => {
            let enhanced = enhanced.map_or_else(String::new, |enhanced| format!("{enhanced} "));
            SendError::Refused { text: format!("{code} {enhanced}{text}") }
        }
        other => other,
    }
}

/// Turns a connection lost after the content began into [`SendError::Unknown`]. A 421 is a reply: the relay did not
/// accept.
fn uncertain(error: SendError) -> SendError {
    match error {
        SendError::Broken { text } if !text.starts_with("421 ") => SendError::Unknown { text },
        other => other,
    }
}

/// Classifies a failure while opening a connection: not the fault of a message, whatever the code.
fn not_opened(error: &SmtpError) -> SendError {
    match read_reply(error, &[]) {
        SendError::Temporary { code, text, .. } | SendError::Permanent { code, text, .. } => {
            SendError::Refused { text: format!("{code} {text}") }
        }
        SendError::Broken { text } if !text.starts_with("421 ") => SendError::Refused { text },
        other => other,
    }
}

fn refused(text: &str) -> SendError {
    SendError::Refused { text: text::clean(text, &[]) }
}

fn unsendable(code: u16, subject: u16, detail: u16, text: &str) -> SendError {
    SendError::Permanent { code, enhanced: Some(EnhancedCode { class: 5, subject, detail }), text: text.to_owned() }
}

fn tls_of(settings: &SmtpSettings) -> Result<TlsParameters, SendError> {
    settings.tls.clone().ok_or_else(|| refused("TLS is not set up"))
}

/// An address as used in MAIL and RCPT. The domain is converted to A-labels, so that only a local part outside ASCII
/// needs SMTPUTF8 (RFC 6531 section 3.2).
fn path(address: &str) -> Result<Address, SendError> {
    let invalid = || unsendable(553, 1, 3, NO_ADDRESS);
    let (local, domain) = address.rsplit_once('@').ok_or_else(invalid)?;
    // a line break would allow injecting SMTP commands
    if address.chars().any(char::is_control) {
        return Err(invalid());
    }
    let domain =
        if domain.is_ascii() { domain.to_owned() } else { idna::domain_to_ascii(domain).map_err(|_| invalid())? };
    Address::new(local, domain).map_err(|_| invalid())
}

/// The content with CRLF line ends only, and without the last one, which lettre writes before the final dot.
///
/// A bare CR or LF must not be sent (RFC 5321 section 2.3.8): relays disagree on `LF . LF`, so that a body could end
/// its message and begin another ("SMTP smuggling"). Dots are doubled by lettre (section 4.5.2).
fn content(raw: &[u8]) -> Cow<'_, [u8]> {
    // a count over all bytes instead of `any`, so that the compiler can vectorise it
    let torn = raw.windows(2).filter(|pair| (pair[0] == b'\r') != (pair[1] == b'\n')).count();
    if torn == 0 && !raw.starts_with(b"\n") && !raw.ends_with(b"\r") {
        return Cow::Borrowed(raw.strip_suffix(b"\r\n").unwrap_or(raw));
    }
    let mut clean = Vec::with_capacity(raw.len() + raw.len() / 32);
    for (at, byte) in raw.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && raw[at - 1] == b'\r' => {}
            b'\n' | b'\r' => clean.extend_from_slice(b"\r\n"),
            other => clean.push(*other),
        }
    }
    if clean.ends_with(b"\r\n") {
        clean.truncate(clean.len() - 2);
    }
    Cow::Owned(clean)
}

/// The content as transmitted, with leading dots doubled (RFC 5321 section 4.5.2), followed by the final dot and the
/// commands of the next message (RFC 2920: none of them flushes the relay's input). One write, for which the relay
/// wakes up once.
fn in_one_piece(content: &str, next: &str) -> String {
    let mut whole = String::with_capacity(content.len() + content.len() / 32 + next.len() + 8);
    if content.starts_with('.') {
        whole.push('.');
    }
    let mut rest = content;
    while let Some(at) = rest.find("\r\n.") {
        whole.push_str(&rest[..at + 3]);
        whole.push('.');
        rest = &rest[at + 3..];
    }
    whole.extend([rest, "\r\n.\r\n", next]);
    whole
}
