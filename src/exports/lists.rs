//! The exported lists: columns and states of each, and how a batch is read, decrypted and written.

use std::{borrow::Cow, collections::HashSet, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{BoxStream, try_unfold},
};
use sqlx::PgConnection;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{
    csv_writer::{BOM, Cell, trusted, untrusted},
    format::{Format, RowSink, TextWriter, WorkbookWriter},
    keyset_pages::{KeysetPages, with_retries},
    store::{self, AttendanceLine, CallLine, OutreachLine, SignatureLine},
};
use crate::{
    actions::submission::SubmissionKind,
    calls::{CallKind, CallPayload, CallState},
    campaigns::{Action, Kind},
    error::{Code, Error, Result},
    events::{self, AttendanceState},
    kernel::{
        Kernel,
        text::{EmailAddress, LocaleTag},
        vault::Vault,
    },
    letters::{self, LetterAction, OfficialName, OutreachState, Target},
    mail,
    people::Details,
    petitions::{self, SignatureState},
    telemetry,
};

/// A list of one action.
pub(super) trait ActionList: List {
    /// The kind of action that the list belongs to.
    const KIND: Kind;
}

/// What of a list is exported.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The states of rows; without meaning for lists that have none.
    pub states: Vec<String>,
    /// Made at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Made before this time.
    pub until: Option<DateTime<Utc>>,
    /// Word of origin.
    pub source: Option<String>,
    /// Only who agreed to this, and has not unsubscribed since: `partner:{slug}`.
    pub purpose: Option<String>,
    /// Names of the columns, in this order; empty: all.
    pub columns: Vec<String>,
}

/// Whose list it is.
#[derive(Debug)]
pub(super) enum Subject {
    /// An action's.
    Action(Box<Action>),
    /// That of the organization's vault, with this id.
    Organization(Uuid),
}

impl Subject {
    /// The id by which its rows are found.
    fn id(&self) -> Uuid {
        match self {
            Self::Action(action) => action.id,
            Self::Organization(vault) => *vault,
        }
    }

    fn vault_id(&self) -> Uuid {
        match self {
            Self::Action(action) => action.vault_id,
            Self::Organization(vault) => *vault,
        }
    }

    async fn open_vault(&self, kernel: &Kernel) -> Result<Arc<Vault>> {
        match self {
            Self::Action(action) => action.open_vault(kernel).await,
            Self::Organization(vault) => kernel.vaults.open(*vault).await,
        }
    }
}

/// A list that can be exported.
pub(super) trait List: Send + Sync + 'static {
    /// A row as read from the database.
    type Row: Send + Sync + 'static;
    /// The decrypted part of a row.
    type Opened: Send + Sync + 'static;
    /// Name of the list in paths and file names.
    const NAME: &'static str;
    /// Verb of an export in the audit trail.
    const AUDIT_VERB: &'static str;
    /// Names of the columns, in order.
    const COLUMNS: &'static [&'static str];
    /// All states of a row; none where rows have no state.
    const STATES: &'static [&'static str] = &[];
    /// The states that are exported unless others are asked for.
    const DEFAULT_STATES: &'static [&'static str] = &[];
    /// Do rows have a word of origin?
    const HAS_SOURCE: bool = false;

    /// Reads the next batch after an id.
    fn read(
        conn: &mut PgConnection,
        kernel: &Kernel,
        subject: Uuid,
        asked: &Asked,
        after: Uuid,
    ) -> impl Future<Output = Result<Vec<Self::Row>>> + Send;
    /// When the row was made.
    fn created_at(row: &Self::Row) -> DateTime<Utc>;
    /// The row's word of origin.
    fn source(_: &Self::Row) -> Option<&str> {
        None
    }
    /// The row's id.
    fn id(row: &Self::Row) -> Uuid;
    /// Decrypts the sealed part; empty once the contact was dropped.
    fn open(vault: &Vault, row: &Self::Row) -> Result<Self::Opened>;
    /// The address of a person whose latest consent to updates is granted.
    fn subscriber_email<'a>(row: &Self::Row, opened: &'a Self::Opened) -> Option<&'a str>;
    /// Keys of further columns of one action, after [`List::COLUMNS`]: its questions.
    fn extra_columns(_: &mut PgConnection, _: Uuid) -> impl Future<Output = Result<Vec<String>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
    /// The row's cells, in the order of the columns.
    fn cells<'a>(
        row: &'a Self::Row,
        opened: &'a Self::Opened,
        consents: bool,
        extra_columns: &[String],
    ) -> Vec<Cell<'a>>;
}

/// An export of one list of one action.
#[derive(Debug)]
pub(super) struct Export<L> {
    kernel: Arc<Kernel>,
    subject: Subject,
    asked: Asked,
    extra_columns: Vec<String>,
    /// Names of the exported columns.
    columns: Arc<[String]>,
    /// Their places among all columns.
    places: Vec<usize>,
    list: PhantomData<L>,
}

/// The decrypted part of a row, and the address indexes under which its address may be suppressed.
struct ExportRow<L: List> {
    opened: L::Opened,
    indexes: Vec<Vec<u8>>,
}

/// A batch, and the position of the next one; `None` after the last.
type Read<L> = (Vec<<L as List>::Row>, Option<KeysetPages>);

impl<L: List> Export<L> {
    /// An export of what is asked for of a list.
    ///
    /// # Errors
    /// `invalid_parameter` for a column that the list does not have.
    pub(super) async fn new(kernel: Arc<Kernel>, subject: Subject, asked: Asked) -> Result<Self> {
        let extra_columns = L::extra_columns(&mut *kernel.db.acquire().await?, subject.id()).await?;
        let all = L::COLUMNS.iter().map(|&name| name.to_owned());
        let all: Vec<String> = all.chain(extra_columns.iter().map(|key| format!("answer_{key}"))).collect();
        let place = |name: &String| {
            all.iter().position(|known| known == name).ok_or_else(|| {
                let detail = format!("`columns` are names of this list: {}.", all.join(", "));
                Error::problem(Code::InvalidParameter, detail)
            })
        };
        let places = if asked.columns.is_empty() {
            (0..all.len()).collect()
        } else {
            asked.columns.iter().map(place).collect::<Result<Vec<_>>>()?
        };
        let columns = places.iter().map(|&place| all[place].clone()).collect();
        Ok(Self { kernel, subject, asked, extra_columns, columns, places, list: PhantomData })
    }

    /// The file as a stream. The first batch is read before this returns, so that an outage can be answered 503; later
    /// each batch is retried in an outage, and any other error aborts the stream. A workbook is read whole before this
    /// returns, into a temporary file.
    ///
    /// # Errors
    /// `action_ended` when the vault was destroyed, `unavailable` while its key is not available; `conflict` for more
    /// rows than a worksheet holds.
    pub(super) async fn stream(self, format: Format, bom: bool) -> Result<BoxStream<'static, Result<Bytes>>> {
        let subject = self.subject.id();
        let export = Arc::new(self);
        if format == Format::Workbook {
            return Ok(export.workbook().await?.stream().boxed());
        }
        let mut writer = TextWriter::beginning(format, &export.columns, if bom { BOM } else { b"" })?;
        let (rows, next) = export.clone().read(KeysetPages::new(&export.kernel.env)).await?;
        let ahead = export.ahead(next);
        export.write(&mut writer, Arc::new(rows)).await?;
        let first = futures_util::stream::once(std::future::ready(writer.into_bytes()));
        let rest = try_unfold((export, ahead), move |(export, ahead)| async move {
            let Some(ahead) = ahead else { return Ok(None) };
            let (rows, next) = ahead.await.map_err(Error::internal)??;
            let ahead = export.ahead(next);
            let rows = Arc::new(rows);
            let writing = export.clone();
            let bytes = with_retries(move || writing.clone().lines(format, rows.clone())).await?;
            Ok(Some((bytes, (export, ahead))))
        });
        Ok(futures_util::StreamExt::chain(first, rest)
            .inspect_err(move |error| {
                tracing::error!(event = "export.aborted", list = L::NAME, %subject, %error, "export aborted");
            })
            .boxed())
    }

    /// All rows as a workbook.
    async fn workbook(self: Arc<Self>) -> Result<WorkbookWriter> {
        let mut name = L::NAME.to_owned();
        name[..1].make_ascii_uppercase();
        let mut writer = WorkbookWriter::new(&name, &self.columns)?;
        let mut ahead = self.ahead(Some(KeysetPages::new(&self.kernel.env)));
        while let Some(batch) = ahead {
            let (rows, next) = batch.await.map_err(Error::internal)??;
            ahead = self.ahead(next);
            self.write(&mut writer, Arc::new(rows)).await?;
        }
        Ok(writer)
    }

    /// Starts reading the next batch while the present one is decrypted and written, so that the database and this
    /// process work at the same time.
    fn ahead(self: &Arc<Self>, pages: Option<KeysetPages>) -> Option<JoinHandle<Result<Read<L>>>> {
        let (export, pages) = (self.clone(), pages?);
        Some(telemetry::spawn_in_span(with_retries(move || export.clone().read(pages.clone()))))
    }

    /// Reads the next batch.
    async fn read(self: Arc<Self>, mut pages: KeysetPages) -> Result<Read<L>> {
        let mut conn = self.kernel.db.acquire().await?;
        let rows = L::read(&mut conn, &self.kernel, self.subject.id(), &self.asked, pages.after()).await?;
        let (mut rows, has_more) = pages.take(rows, L::id);
        rows.retain(|row| self.is_asked_for(row));
        Ok((rows, has_more.then_some(pages)))
    }

    /// The lines of a batch.
    async fn lines(self: Arc<Self>, format: Format, rows: Arc<Vec<L::Row>>) -> Result<Bytes> {
        let mut writer = TextWriter::new(format, &self.columns);
        self.write(&mut writer, rows).await?;
        writer.into_bytes()
    }

    /// Decrypts a batch and writes its rows.
    async fn write(&self, writer: &mut (impl RowSink + Send), rows: Arc<Vec<L::Row>>) -> Result<()> {
        // opened for each batch: once the vault is destroyed, the rest of the list must not be readable
        let vault = self.subject.open_vault(&self.kernel).await?;
        let (kernel, sealed) = (self.kernel.clone(), rows.clone());
        let opened = tokio::task::spawn_blocking(move || open_all::<L>(&kernel, &vault, &sealed))
            .await
            .map_err(Error::internal)??;
        let unsubscribed = self.unsubscribed(&opened).await?;
        for (row, ExportRow { opened, indexes }) in rows.iter().zip(&opened) {
            let consents = !indexes.is_empty() && !indexes.iter().any(|index| unsubscribed.contains(index));
            if self.asked.purpose.is_none() || consents {
                let cells = L::cells(row, opened, consents, &self.extra_columns);
                let is_whole = self.asked.columns.is_empty();
                let chosen = || self.places.iter().filter_map(|&place| cells.get(place).cloned()).collect();
                let cells = if is_whole { cells } else { chosen() };
                writer.write_row(cells)?;
            }
        }
        Ok(())
    }

    /// Is this row of the days and the origin that are asked for?
    fn is_asked_for(&self, row: &L::Row) -> bool {
        let asked = &self.asked;
        let at = L::created_at(row);
        asked.from.is_none_or(|from| at >= from)
            && asked.until.is_none_or(|until| at < until)
            && asked.source.as_deref().is_none_or(|source| L::source(row) == Some(source))
    }

    async fn unsubscribed(&self, opened: &[ExportRow<L>]) -> Result<HashSet<Vec<u8>>> {
        let indexes: Vec<Vec<u8>> = opened.iter().flat_map(|line| line.indexes.clone()).collect();
        if indexes.is_empty() {
            return Ok(HashSet::new());
        }
        let mut conn = self.kernel.db.acquire().await?;
        Ok(store::unsubscribed(&mut conn, self.subject.vault_id(), &indexes).await?.into_iter().collect())
    }
}

fn open_all<L: List>(kernel: &Kernel, vault: &Vault, rows: &[L::Row]) -> Result<Vec<ExportRow<L>>> {
    rows.iter()
        .map(|row| {
            let opened = L::open(vault, row)?;
            let address = L::subscriber_email(row, &opened).and_then(|address| EmailAddress::parse(address).ok());
            let mut indexes = Vec::new();
            if let Some(address) = address {
                indexes = mail::global_suppression_keys(kernel, &address);
                indexes.push(vault.email_index(&address));
            }
            Ok(ExportRow { opened, indexes })
        })
        .collect()
}

/// The signatures of a petition.
#[derive(Debug)]
pub(super) struct Signatures;

impl ActionList for Signatures {
    const KIND: Kind = Kind::Petition;
}

impl List for Signatures {
    type Row = SignatureLine;
    type Opened = petitions::SignaturePayload;
    const NAME: &'static str = "signatures";
    const AUDIT_VERB: &'static str = "signatures.export";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "state",
        "given_name",
        "family_name",
        "email",
        "phone",
        "postal_code",
        "city",
        "region",
        "country",
        "preferred_language",
        "comments",
        "display",
        "consent_updates",
        "source",
        "created_date",
        "confirmed_date",
        "vetted",
        "deliver_name",
    ];
    const HAS_SOURCE: bool = true;
    const STATES: &'static [&'static str] = SignatureState::NAMES;
    const DEFAULT_STATES: &'static [&'static str] = &[SignatureState::Counted.as_str()];

    async fn read(
        conn: &mut PgConnection,
        _: &Kernel,
        action: Uuid,
        asked: &Asked,
        after: Uuid,
    ) -> Result<Vec<SignatureLine>> {
        store::signatures(conn, action, &asked.states, after).await
    }

    fn id(row: &SignatureLine) -> Uuid {
        row.id
    }

    fn created_at(row: &SignatureLine) -> DateTime<Utc> {
        row.created_at
    }

    fn source(row: &SignatureLine) -> Option<&str> {
        row.source.as_deref()
    }

    fn open(vault: &Vault, row: &SignatureLine) -> Result<petitions::SignaturePayload> {
        Ok(vault.open_or_default(petitions::SIGNATURES, row.id, row.sealed.as_deref())?)
    }

    fn subscriber_email<'a>(row: &SignatureLine, opened: &'a petitions::SignaturePayload) -> Option<&'a str> {
        row.consent_updates.then_some(opened.details.email.as_str())
    }

    async fn extra_columns(conn: &mut PgConnection, action: Uuid) -> Result<Vec<String>> {
        petitions::question_keys(conn, action).await
    }

    fn cells<'a>(
        row: &'a SignatureLine,
        opened: &'a petitions::SignaturePayload,
        consents: bool,
        extra_columns: &[String],
    ) -> Vec<Cell<'a>> {
        let language = opened.locale.map(LocaleTag::as_str).or(row.locale.as_deref());
        let mut cells = vec![trusted(row.id.to_string()), trusted(row.state.as_str())];
        cells.extend(contact(&opened.details));
        cells.extend([
            untrusted(language.unwrap_or("")),
            untrusted(&*opened.comments),
            trusted(row.display.as_str()),
            Cell::Flag(consents),
            untrusted(row.source.as_deref().unwrap_or("")),
            time(Some(row.created_at)),
            time(row.counted_at),
            trusted(row.vetted.as_str()),
            Cell::Flag(row.delivers_name),
        ]);
        cells.extend(extra_columns.iter().map(|key| untrusted(opened.answers.get(key).map_or("", String::as_str))));
        cells
    }
}

/// The attendances of an event.
#[derive(Debug)]
pub(super) struct Attendances;

impl ActionList for Attendances {
    const KIND: Kind = Kind::Event;
}

impl List for Attendances {
    type Row = AttendanceLine;
    type Opened = events::AttendancePayload;
    const NAME: &'static str = "attendances";
    const AUDIT_VERB: &'static str = "attendances.export";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "state",
        "party_size",
        "given_name",
        "family_name",
        "email",
        "phone",
        "interpretation",
        "access_needs",
        "consent_updates",
        "source",
        "created_date",
        "accepted_date",
    ];
    const HAS_SOURCE: bool = true;
    const STATES: &'static [&'static str] = AttendanceState::NAMES;
    const DEFAULT_STATES: &'static [&'static str] =
        &[AttendanceState::Accepted.as_str(), AttendanceState::Waitlisted.as_str()];

    async fn read(
        conn: &mut PgConnection,
        _: &Kernel,
        action: Uuid,
        asked: &Asked,
        after: Uuid,
    ) -> Result<Vec<AttendanceLine>> {
        store::attendances(conn, action, &asked.states, after).await
    }

    fn id(row: &AttendanceLine) -> Uuid {
        row.id
    }

    fn created_at(row: &AttendanceLine) -> DateTime<Utc> {
        row.created_at
    }

    fn source(row: &AttendanceLine) -> Option<&str> {
        row.source.as_deref()
    }

    fn open(vault: &Vault, row: &AttendanceLine) -> Result<events::AttendancePayload> {
        Ok(vault.open_or_default(events::ATTENDANCES, row.id, row.sealed.as_deref())?)
    }

    fn subscriber_email<'a>(row: &AttendanceLine, opened: &'a events::AttendancePayload) -> Option<&'a str> {
        row.consent_updates.then_some(opened.details.email.as_str())
    }

    fn cells<'a>(
        row: &'a AttendanceLine,
        opened: &'a events::AttendancePayload,
        consents: bool,
        _: &[String],
    ) -> Vec<Cell<'a>> {
        let [given_name, family_name, email, phone, ..] = contact(&opened.details);
        vec![
            trusted(row.id.to_string()),
            trusted(row.state.as_str()),
            Cell::Number(row.party_size.into()),
            given_name,
            family_name,
            email,
            phone,
            untrusted(&*opened.interpretation),
            untrusted(&*opened.access_needs),
            Cell::Flag(consents),
            untrusted(row.source.as_deref().unwrap_or("")),
            time(Some(row.created_at)),
            time(row.accepted_at),
        ]
    }
}

/// The outreaches of a letter action.
#[derive(Debug)]
pub(super) struct Outreaches;

/// An outreach, with the letter action whose templates compose it.
#[derive(Debug)]
pub(super) struct OutreachRow {
    line: OutreachLine,
    letter: Arc<LetterAction>,
}

impl OutreachRow {
    /// The official who held the office when it was sent.
    fn official(&self) -> Option<OfficialName> {
        let OutreachLine { honorific_prefix, given_name, family_name, .. } = &self.line;
        family_name.clone().map(|family_name| OfficialName {
            honorific_prefix: honorific_prefix.clone().unwrap_or_default(),
            given_name: given_name.clone().unwrap_or_default(),
            family_name,
        })
    }

    /// The subject as sent to the office: typed, or composed from the template.
    fn subject(&self, payload: &letters::LetterPayload) -> String {
        if !payload.subject.is_empty() || self.line.sealed.is_none() {
            return payload.subject.clone();
        }
        let Some(target) = self.letter.targets.iter().find(|target| target.office_id == self.line.office_id) else {
            return String::new(); // the office was removed from the action
        };
        let target = Target { holder: self.official().or_else(|| target.holder.clone()), ..target.clone() };
        payload.compose(&self.letter, self.line.variant, &target).map(|(subject, _)| subject).unwrap_or_default()
    }
}

/// Decrypted details of a letter's writer, and the letter's subject.
#[derive(Debug)]
pub(super) struct OpenedLetter {
    details: Details,
    subject: String,
    official: String,
}

impl ActionList for Outreaches {
    const KIND: Kind = Kind::Letter;
}

impl List for Outreaches {
    type Row = OutreachRow;
    type Opened = OpenedLetter;
    const NAME: &'static str = "outreaches";
    const AUDIT_VERB: &'static str = "outreaches.export";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "state",
        "office",
        "official",
        "given_name",
        "family_name",
        "email",
        "postal_code",
        "city",
        "subject",
        "created_date",
        "sent_date",
    ];
    const STATES: &'static [&'static str] = OutreachState::NAMES;
    const DEFAULT_STATES: &'static [&'static str] = &[
        OutreachState::Held.as_str(),
        OutreachState::Queued.as_str(),
        OutreachState::Sent.as_str(),
        OutreachState::Failed.as_str(),
        OutreachState::Uncertain.as_str(),
        OutreachState::Bounced.as_str(),
    ];

    async fn read(
        conn: &mut PgConnection,
        kernel: &Kernel,
        action: Uuid,
        asked: &Asked,
        after: Uuid,
    ) -> Result<Vec<OutreachRow>> {
        let letter = Arc::new(letters::find(conn, kernel, &action.to_string()).await?);
        let lines = store::outreaches(conn, action, &asked.states, after).await?;
        Ok(lines.into_iter().map(|line| OutreachRow { line, letter: letter.clone() }).collect())
    }

    fn id(row: &OutreachRow) -> Uuid {
        row.line.id
    }

    fn created_at(row: &OutreachRow) -> DateTime<Utc> {
        row.line.created_at
    }

    fn open(vault: &Vault, row: &OutreachRow) -> Result<OpenedLetter> {
        let sealed = row.line.sealed.as_deref();
        let payload: letters::LetterPayload = vault.open_or_default(letters::LETTERS, row.line.letter_id, sealed)?;
        let subject = row.subject(&payload);
        Ok(OpenedLetter {
            details: payload.details,
            subject,
            official: row.official().map(|official| full_name(&official)).unwrap_or_default(),
        })
    }

    fn subscriber_email<'a>(_: &OutreachRow, _: &'a OpenedLetter) -> Option<&'a str> {
        None
    }

    fn cells<'a>(
        OutreachRow { line, .. }: &'a OutreachRow,
        opened: &'a OpenedLetter,
        _: bool,
        _: &[String],
    ) -> Vec<Cell<'a>> {
        let [given_name, family_name, email, _, postal_code, city, ..] = contact(&opened.details);
        vec![
            trusted(line.id.to_string()),
            trusted(line.state.as_str()),
            untrusted(&*line.office),
            untrusted(&*opened.official),
            given_name,
            family_name,
            email,
            postal_code,
            city,
            untrusted(&*opened.subject),
            time(Some(line.created_at)),
            time(line.sent_at),
        ]
    }
}

/// The calls of a call action.
#[derive(Debug)]
pub(super) struct Calls;

impl ActionList for Calls {
    const KIND: Kind = Kind::Call;
}

impl List for Calls {
    type Row = CallLine;
    type Opened = CallPayload;
    const NAME: &'static str = "calls";
    const AUDIT_VERB: &'static str = "calls.export";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "state",
        "office",
        "outcome",
        "given_name",
        "family_name",
        "email",
        "postal_code",
        "message",
        "consent_updates",
        "source",
        "created_date",
        "counted_date",
    ];
    const HAS_SOURCE: bool = true;
    const STATES: &'static [&'static str] = CallState::NAMES;
    const DEFAULT_STATES: &'static [&'static str] = &[CallState::Counted.as_str()];

    async fn read(
        conn: &mut PgConnection,
        _: &Kernel,
        action: Uuid,
        asked: &Asked,
        after: Uuid,
    ) -> Result<Vec<CallLine>> {
        store::calls(conn, action, &asked.states, after).await
    }

    fn id(row: &CallLine) -> Uuid {
        row.id
    }

    fn created_at(row: &CallLine) -> DateTime<Utc> {
        row.created_at
    }

    fn source(row: &CallLine) -> Option<&str> {
        row.source.as_deref()
    }

    fn open(vault: &Vault, row: &CallLine) -> Result<CallPayload> {
        Ok(vault.open_or_default(CallKind::TABLE, row.id, row.sealed.as_deref())?)
    }

    fn subscriber_email<'a>(row: &CallLine, opened: &'a CallPayload) -> Option<&'a str> {
        row.consent_updates.then_some(opened.details.email.as_str())
    }

    fn cells<'a>(row: &'a CallLine, opened: &'a CallPayload, consents: bool, _: &[String]) -> Vec<Cell<'a>> {
        let [given_name, family_name, email, _, postal_code, ..] = contact(&opened.details);
        vec![
            trusted(row.id.to_string()),
            trusted(row.state.as_str()),
            untrusted(&*row.office),
            trusted(row.outcome.as_str()),
            given_name,
            family_name,
            email,
            postal_code,
            untrusted(&*opened.points),
            Cell::Flag(consents),
            untrusted(row.source.as_deref().unwrap_or_default()),
            time(Some(row.created_at)),
            time(row.counted_at),
        ]
    }
}

/// An official's name with the honorific.
fn full_name(official: &OfficialName) -> String {
    let parts = [&*official.honorific_prefix, &*official.given_name, &*official.family_name];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Given and family name, e-mail, phone, postal code, city, region, country.
pub(super) fn contact(details: &Details) -> [Cell<'_>; 8] {
    let Details { given_name, family_name, email, phone, postal_code, locality, region, country, labels: _ } = details;
    [given_name, family_name, email, phone, postal_code, locality, region, country].map(|text| untrusted(text.as_str()))
}

/// A time in RFC 3339, in UTC, whole seconds; `None` is an empty cell.
pub(super) fn time(at: Option<DateTime<Utc>>) -> Cell<'static> {
    trusted(at.map_or(Cow::Borrowed(""), |at| Cow::Owned(at.to_rfc3339_opts(SecondsFormat::Secs, true))))
}
