console-title = Organizer console
console-sign-in-title = Sign in
console-sign-in-lead = For organizers. Supporters don’t need an account.
console-email = Email address
console-password = Password
console-sign-in-button = Sign in
console-sign-in-failed = Wrong email address or password.
console-sign-in-locked = Too many attempts. Wait up to 15 minutes, or use a device you have signed in on before.
console-sign-in-check = There were many attempts in a short time. Enter your password again; we check it after the security check below.
console-sign-out = Sign out
console-signed-in-as = { $name }, { $role }
role-owner = owner
role-organizer = organizer
role-host = host
role-viewer = viewer
console-petitions = Petitions
console-events = Events
console-letters = Letters
console-mail = Email queue
console-none = None yet.
console-col-title = Title
console-col-state = Status
console-col-counted = Signatures
console-col-public = Public total
console-col-when = When
console-col-capacity = Capacity
console-col-accepted = Registered
console-col-waitlisted = Waitlist
console-col-live = Delivery
console-col-written = Written
console-col-sent = Sent
console-col-failed = Failed
console-col-list = List
console-col-actions = Actions
console-col-class = Type
console-col-count = Emails
console-col-oldest = Oldest
console-export = Export
console-export-named = Export: list of “{ $title }”
console-export-note = We can no longer protect a list once you download it. Keep it encrypted, share it only with people who need it, and delete it when you are done.
console-protected-numbers = Numbers of protected actions change once a day and are rounded down to tens. An exact number could tell who took part.
console-live-yes = Live
console-live-no = On hold
letters-releasing = Queued for sending: { $n }
letters-holding = Put on hold: { $n }
letters-failed = Did not finish. Save the action again to continue.
console-unlimited = No limit
console-mail-empty = The queue is empty.
state-draft = Draft
state-published = Published
state-paused = Paused
state-closed = Closed
state-won = Won
state-lost = Not won
state-cancelled = Cancelled
mail-state-queued = Queued
mail-state-sending = Sending
mail-state-sent = Sent
mail-state-failed = Failed
mail-state-uncertain = Delivery unknown
mail-state-cancelled = Cancelled
mail-state-bounced = Bounced
mail-state-complained = Marked as spam
mail-class-confirmation = Confirmation emails
mail-class-urgent = Urgent changes
mail-class-letter = Letters to officials
mail-class-notice = Thank-yous and reminders
mail-class-update = Email updates

mailbox-title = Demo inbox
mailbox-lead = Demo mode: no email leaves this computer. These are the emails that would have been sent, newest first.
mailbox-empty = No emails yet. Sign a petition and its confirmation email appears here.
mailbox-back = Back to the inbox
mailbox-to = To
mailbox-from = From
mailbox-reply-to = Reply to
mailbox-date = Date
mailbox-text = Plain text
mailbox-html = Formatted email
mailbox-links = Links in this email
mailbox-attachments = Attachments
mailbox-headers = All headers

# one petition
console-back = Back
console-page-previous = Previous page
console-page-next = Next page
console-page-number = Page { $n } of { $total }
console-not-saved = Your changes were not saved
console-not-saved-hint = Nothing has changed. Use your browser’s back button to return to the form with what you entered.
console-done = Done.
console-would-change = { $count ->
    [one] Preview: { $n } signature would change.
   *[other] Preview: { $n } signatures would change.
}
console-preview-link = Private preview link:
console-results = Results
console-public-total = Public total
console-live-total = Live total (internal)
console-paper-total = Paper signatures
console-goal = Goal
console-verified = Totals last checked
console-recount = Recalculate totals
console-by-source = By source code
console-by-region = By province or country
console-status = Status and schedule
console-public-note = Public note (shown on the page)
console-save = Save
console-history = History
console-goal-title = Goal and milestones
console-milestones = Custom milestones
console-raises-goal = Raise the goal automatically
console-picture = Image
console-picture-consent = Can people be recognized? Get everyone’s consent first: photos of a rally can be used to identify people. We remove location and time from the file.
console-alt = Image description (alt text)
console-file-picture = Image file (JPEG, PNG or WebP)
console-upload = Upload
console-held = Held for review
console-held-none = No signatures need review.
console-held-count = { $count ->
    [one] { $n } signature needs review.
   *[other] { $n } signatures need review.
}
console-col-why = Reason
console-col-who = Name
console-review-counted = Approve
console-review-invalid = Reject
suspicion-network = Many from the same network
suspicion-domain = Many from the same email domain
suspicion-form = Looks automated
suspicion-organizer = Held by an organizer
console-bulk = Bulk review
console-bulk-hint = Fill in what the signatures have in common. A signature matches only if every field you fill in is true for it. Preview first: nothing changes until you untick “Preview only”, and you can undo it.
console-action = Action
effect-invalidate = Reject signatures
effect-release = Approve held signatures
console-bulk-domain = Email domain
console-bulk-name = Name
console-bulk-country = Country code
console-bulk-source = Source code
console-bulk-network = Same network as signature (ID)
console-reason = Reason (internal)
console-run = Run
console-jobs = Bulk reviews
console-progress = Progress
console-changed = { $n } changed
console-cancel = Cancel
console-undo = Undo
job-running = Running
job-done = Done
job-cancelled = Cancelled
job-undoing = Undoing
job-undone = Undone
job-failed = Failed
job-error-internal = A step failed on our server.
job-error-panicked = A step crashed on our server.
job-error-too_slow = A step took too long.
job-error-worker_died = The server stopped in the middle of a step.
job-error-vault_closed = The data of these people can no longer be decrypted.
job-error-too_long = A line is too long, or a quotation mark in it is never closed.
job-error-unreadable = Part of the file is missing or cannot be opened.
job-error-not_understood = The request can no longer be read. Start again.
job-retry = Trying again ({ $n } of 10 attempts so far).
console-comments = Comments to moderate
console-comments-none = No comments to moderate.
console-comments-count = { $count ->
    [one] { $n } comment to moderate.
   *[other] { $n } comments to moderate.
}
console-comment-shown = Publish
console-comment-hidden = Hide
console-import = Import signatures (CSV or Excel)
console-import-hint = A CSV file or an Excel workbook (.xlsx) with a header row. Import only people who agreed to sign this petition. Start with a test run: it checks every line and saves nothing.
console-import-separator = Separator
console-import-assumed = Read as { $encoding }, separated by “{ $separator }”.
console-import-sheet = Read from the sheet “{ $sheet }”.
import-dates-day_first = Dates such as 03/04/2026 are read with the day first: 3 April.
import-dates-month_first = Dates such as 03/04/2026 are read with the month first: March 4.
console-import-encoding = Encoding
console-import-preview = First rows
console-import-again = If this is wrong, upload the file again and choose the separator and the encoding.
file-empty = The file is empty.
file-header-too-long = The header is too long.
file-too-many-columns = The file has more than 1,000 columns. Delete those that are not needed.
file-no-header = The first row has an email address. Put a row with the names of the columns before it.
file-not-utf8 = This file is not UTF-8. Save it as “CSV UTF-8” or as an Excel workbook (.xlsx).
file-not-text = This is not a text file. Save it as “CSV UTF-8” or as an Excel workbook (.xlsx).
file-old-excel = This is a workbook of an old Excel (.xls). Save it as an Excel workbook (.xlsx) or as “CSV UTF-8”.
file-password = This workbook is protected by a password. Save a copy without a password.
file-binary-excel = This is a binary workbook (.xlsb). Save it as an Excel workbook (.xlsx) or as “CSV UTF-8”.
file-open-document = This is a workbook of LibreOffice (.ods). Save it as an Excel workbook (.xlsx) or as “Text CSV”.
file-numbers = This is a workbook of Numbers. Export it as Excel (.xlsx) or as CSV.
file-archive = This is an archive, or a workbook that cannot be read. If it is an archive, unpack it and send the list itself. Otherwise open it, and save the sheet as “CSV UTF-8”.
file-workbook-too-large = This workbook is too large. Save the sheet with the list as “CSV UTF-8”, and send that file.
file-pdf = This is a PDF. Send the table itself, as an Excel workbook (.xlsx) or as CSV.
file-cards = This is an address book or a calendar. Export the contacts as CSV instead.
file-web-page = This is a web page or XML. Save the table as “CSV UTF-8” or as an Excel workbook (.xlsx).
console-file-csv = CSV file or workbook
console-test-run = test run
import-uploading = Uploading
import-uploaded = Uploaded
import-running = Running
import-checked = Checked
import-done = Imported
import-cancelled = Cancelled
import-failed = Failed
console-import-numbers = { $lines } lines: { $imported } new, { $duplicates } already signed, { $refused } rejected.
console-rejected-lines = Rejected lines (CSV)
console-mapping = Match columns
import-field-email = Email
import-field-given-name = First name
import-field-family-name = Last name
import-field-phone = Phone
import-field-postal-code = Postal code
import-field-city = City
import-field-country = Country
import-field-language = Language
import-field-comments = Comment
import-field-signed-on = Date signed
import-field-consent-updates = Email updates opt-in (yes or no)
import-field-date-order = Order in dates such as 03/04/2026
import-date-day_first = Day first: 3 April
import-date-month_first = Month first: March 4
console-import-wording = Consent wording (exact)
console-paper = Paper signatures
console-paper-reference = Batch reference
console-paper-sheets = Sheets
console-remove = Delete
console-add = Add
console-clicks = { $count ->
    [one] { $n } click
   *[other] { $n } clicks
}
console-short-link = New short link: /go/…
console-source-hint = A source code tells you where a signature came from: { $url }?source=code. Codes that are not in this list count as “other”.
console-source-new = New source code
console-deliveries = Petition delivery
delivery-planned = Planned
delivery-delivered = Delivered
console-not-locked = The final count is not locked yet.
console-public-page = Public page
console-print-sheet = Print the delivery sheet
console-lock-count = Lock the final count
console-mark-delivered = Mark as delivered
console-note = Note
console-spam-protection = Spam protection
console-spam-protection-hint = Applies to all petitions. Signatures over a limit are held for review, never lost.
console-per-network = Max. signatures per hour from one network
console-per-domain = Max. signatures per hour from one email domain
console-min-form-seconds = Minimum time to complete the form (seconds)
console-signing-paused = Pause signing on all petitions
console-breakdowns-paused = Hide public statistics
console-allowlist = Allowlist
console-allowlist-hint = Networks and email domains where many people sign at once, such as shelters, union halls and campuses. The hourly limits do not apply to them.
console-network = Network
sheet-names = Names
sheet-names-note = Signers who agreed to have their name delivered. All others are included in the count above without their name.
state-archived = Archived
state-ended = Ended

# retention
console-retention = Data retention
console-retention-status = Personal data ends within 30 days: { $ahead } · overdue: { $overdue }
console-retention-default = How long personal data is kept
console-retention-default-hint = For actions without extra privacy and without a day of their own. It counts from the end of the event, or from when the action closed. Afterwards everything about the people who took part is deleted; totals stay.
console-retention-months = Months after the end of an action
console-last-day = Last day of personal data
console-last-day-none = None while it is open
console-destroy = Delete the data now
console-destroy-named = Delete the data of “{ $title }” now
console-destroy-hint = Everything about the people who took part is deleted, and nobody can take part any more. Totals stay. This cannot be undone.
console-destroy-protected = The key of this list is destroyed first: within a minute nobody can read it any more, in backups neither.
console-destroy-standard = Copies in backups stay readable until the backups are deleted.
console-destroy-slug = To confirm, type { $slug }
console-destroy-button = Delete the data now

# mail and broadcasts
console-mail-delivery = Email delivery
console-mail-paused = Paused: { $what }.
console-mail-restored = This database was restored from a backup. Emails sent since the backup would be sent again: check the queue before you resume sending.
console-mail-unverified = Muster cannot tell whether emails were sent after this copy of the database was made. Check the queue; resume sending only if this is the newest copy.
console-mail-other-database = This is a copy of the database on another server. Emails that the original sends would be sent twice: resume sending only if the original no longer sends.
console-mail-refused = The server has refused our account since { $since }; next attempt at { $at }: { $words }
console-mail-held = waiting for the hourly limit
console-mail-first-limited = First-contact emails have reached the limit of { $n } this hour. The rest wait for the next hour. Check whether someone is abusing a form.
console-mail-sent-hour = Sent in the last hour
console-mail-late = More than an hour late
console-mail-uncertain = Letters with unknown delivery
console-mail-first = First-contact emails this hour
console-mail-queue = Queue
console-mail-pauses = Pause and resume
console-mail-pauses-hint = Takes effect immediately for the whole installation. Emails that are being sent at this moment still go out.
console-mail-pause = Pause { $what }
console-mail-resume = Resume { $what }
mail-scope-everything = all email
mail-scope-confirmation = confirmation emails
mail-scope-urgent = urgent changes
mail-scope-letter = letters to officials
mail-scope-notice = thank-yous and reminders
mail-scope-update = email updates
console-mail-problems = Failed, bounced or unknown delivery
console-mail-problems-none = None.
console-mail-problems-count = { $count ->
    [one] { $n } email.
   *[other] { $n } emails.
}
console-mail-uncertain-hint = A letter with unknown delivery may have arrived. If you send it again, the official may receive it twice.
console-mail-retry = Retry
console-mail-retry-all = Retry all failed emails
console-mail-retried = { $count ->
    [one] { $n } email will be sent again.
   *[other] { $n } emails will be sent again.
}
console-mail-mailboxes = Officials’ mailboxes
console-mail-mailboxes-none = No letters are waiting, and no mailbox is paused.
console-mail-waiting = { $count ->
    [one] { $n } letter waiting
   *[other] { $n } letters waiting
}
mailbox-paused-bounced = Paused because a letter bounced. Check the address, correct the office, then resume.
mailbox-paused-complained = Paused because a letter was marked as spam. Contact the office before you resume.
mailbox-paused-unknown_time_zone = Paused because this server does not know the mailbox’s time zone. Set its hours again with a time zone such as America/Toronto.
console-mail-rate = Letters per hour
console-mail-burst = Burst limit
console-mail-from = Send daily from (leave empty for any time)
console-mail-until = Until
console-mail-zone = Time zone
console-mail-relays = Outgoing mail servers
console-mail-relays-hint = Maximum emails per hour through each server. Leave empty for no limit.
console-mail-providers = By email provider, last 7 days
console-mail-provider = Provider
console-mail-other = All others
console-broadcasts = Email updates
console-broadcasts-hint = Sent only to people who took part in the actions you choose and opted in. Every email has a one-click unsubscribe link.
console-broadcasts-none = No emails yet.
console-broadcast-counting = Counting recipients…
console-broadcast-counted = Recipients counted
console-broadcast-new = New email
console-broadcast-save-draft = Save draft
console-broadcast-text = Content and recipients
console-broadcast-language = Add a translation: { $lang }
console-broadcast-send-title = Send
console-broadcast-recipients = { $count ->
    [one] { $n } recipient at the moment
   *[other] { $n } recipients at the moment
}
console-broadcast-schedule = Schedule for (UTC; leave empty to send now)
console-broadcast-due = Scheduled for
console-broadcast-send = Send
console-broadcast-test = Send me a test
console-broadcast-pause = Pause sending
console-broadcast-resume = Resume sending
console-broadcast-cancel = Cancel remaining emails
console-subject = Subject
console-text = Message
console-recipients = Recipients
console-audience-regions = Province or country (such as CA-ON; one per line)
console-audience-tags = Tags of people (one per line)
broadcast-draft = Draft
broadcast-scheduled = Scheduled
broadcast-sending = Sending
broadcast-paused = Paused
broadcast-done = Sent
broadcast-cancelled = Cancelled
broadcast-failed = Failed
recipient-waiting = Waiting
recipient-queued = Queued
recipient-sent = Sent
recipient-failed = Failed
recipient-uncertain = Delivery unknown
recipient-cancelled = Not sent
recipient-bounced = Bounced
recipient-complained = Marked as spam

# frame and forms
nav-console = Console
nav-menu = Menu
nav-new = New
nav-overview = Overview
nav-campaigns = Campaigns
nav-updates = Updates
nav-people = People
nav-email = Email
nav-settings = Settings
nav-offices = Offices
nav-sources = Source codes
nav-partners = Partner organizations
new-campaign = New campaign
new-petition = New petition
new-event = New event
new-letter = New letter
new-office = New office
new-update = New update
new-broadcast = New email update
edit-campaign = Edit campaign
edit-petition = Edit petition
edit-event = Edit event
edit-letter = Edit letter
edit-office = Edit office
edit-update = Edit update
edit-broadcast = Edit email update
empty-campaigns = No campaigns yet. A campaign brings petitions, events and letters together on one page: begin with it.
empty-petitions = No petitions yet. Create one: it stays a draft until you publish it.
empty-events = No events yet. Create one: people can register once it is published.
empty-letters = No letters yet. Add the offices they go to, then create a letter.
empty-offices = No offices yet. Add the ones that your letters go to.
empty-updates = No updates yet. Tell what has happened in your campaign.
steps-title = Your first campaign
steps-campaign = Create a campaign
steps-petition = Add a petition, an event or a letter
steps-office = Add the offices that letters go to
steps-publish = Publish your petition and share it
steps-done = Done
ready-title = What is still missing
ready-no-text = There is no petition text.
ready-no-target = No decision-makers are named.
ready-no-goal = There is no goal.
ready-no-end = There is no end date.
ready-no-place = There is no place.
ready-no-join-link = There is no link to join online.
ready-no-accessibility = Nothing is said about accessibility.
ready-no-offices = No office is chosen.
ready-no-letter = There is no letter text.
ready-not-live = Letters wait: sending is not switched on.
ready-no-summary = There is no summary.
ready-languages = Not translated into: { $languages }.
act-pause = Pause
act-resume = Resume
act-close = Close
act-reopen = Reopen
act-go-live = Start sending letters
act-hold = Hold letters
act-revoke-previews = Revoke preview links
act-delete-image = Delete image
people-search = Find a person
people-search-hint = Enter a whole email address or a tag. Names are encrypted and cannot be searched.
people-search-button = Search
people-none = Nobody found.
mail-waiting-list = Emails in the queue
form-required = (required)
form-add-row = Add another
form-zone = Times are in the time zone { $zone }.
form-create = Create
form-edit = Edit
form-publish = Publish
form-archive = Archive
form-duplicate = Duplicate
form-preview = Preview
form-more = More
form-more-status = Status, note and dates
form-draft-hint = It is saved as a draft. Only organizers see it until you publish it.
form-title = Title
form-campaign = Campaign
form-campaign-hint = A campaign has a public page with its petitions, events, letters and updates.
form-language = Main language
form-language-hint = The language of the texts below. Add other languages with the buttons above.
form-summary = Summary
form-summary-hint = One or two sentences, shown in lists and when the page is shared.
form-description = Description
form-markdown-hint = Leave an empty line between paragraphs. **bold**, [link text](https://…).
form-petition-text = Petition text
form-petition-text-hint = What people sign.
form-demands = Demands
form-lines-hint = One on each line.
form-targets = Decision-makers it is addressed to
form-group-page = Page, sharing and thank-you email
form-button = Text of the button
form-share = Text for sharing
form-thanks = Thank-you email
form-thanks-hint = What the email after taking part says. Leave it empty for our usual words.
form-hosted-by = Hosted by
form-slug = Web address (last part)
form-slug-hint = Small letters, digits and hyphens. Leave it empty to make it from the title. After a change the old address leads to the new one.
form-next-action = Next action
form-next-action-hint = Where the page leads once this action is closed.
form-group-privacy = Privacy and data
form-privacy = Privacy
form-privacy-standard = Standard
form-privacy-protected = Extra privacy
form-privacy-hint = With extra privacy the list has a key of its own that is destroyed on the last day. It cannot be changed later.
form-confirmation = Confirmation by email
form-confirmation-email = Ask for confirmation
form-confirmation-none = Without confirmation
form-confirmation-hint = Without confirmation anybody can enter any address. It cannot be changed later.
form-last-day-hint = After this day everything about the people who took part is deleted. Leave it empty for the usual time.
form-group-schedule = Opening and closing
form-opens = Opens
form-opens-hint = Leave it empty to open when it is published.
form-closes = Closes
form-closes-hint = Leave it empty to stay open.
form-milestones-hint = Numbers of signatures, separated by commas.
form-group-form = What the form asks for
form-requirement-off = Not asked
form-requirement-optional = Optional
form-requirement-required = Required
form-letter = Letter that signing also sends
form-letter-hint = It cannot be changed later.
form-shares-addresses = People of one household may sign with the same email address
form-shows-breakdowns = Show the public statistics by region
form-keeps-contacts = Keep names and email addresses after confirmation
form-group-questions = Your own questions
form-question = Question
form-question-label = Question as people read it
form-question-key = Name in downloads
form-question-key-hint = Small letters, digits and _.
form-question-kind = Kind of answer
form-question-kind-text = Text
form-question-kind-choice = One of several answers
form-question-kind-checkbox = Yes or no (checkbox)
form-question-choices = Answers to choose from
form-question-choices-hint = One on each line, as in: member = I am a member | fr = Je suis membre
form-question-required = An answer is required
form-event-kind = Kind of event
form-starts = Starts
form-ends = Ends
form-ends-hint = Two hours after the start if it is left empty.
form-format = In person or online
form-format-in_person = In person
form-format-online = Online
form-format-hybrid = Both
form-group-place = Place
form-venue = Name of the place
form-address = Street and number
form-region = Province or state
form-region-hint = Such as ON or QC.
form-country-hint = Two letters, such as CA.
form-map = Link to a map
form-map-hint = A web address that begins with https://
form-group-registration = Registration
form-capacity = Capacity (spots)
form-capacity-hint = Leave it empty for no limit.
form-waitlist = Keep a waitlist when it is full
form-waitlist-smaller = A small group may pass a larger one on the waitlist
form-instructions = How to join
form-instructions-hint = The link to join and the like. Sent only to people who registered; never on a public page.
form-accessibility = Accessibility
form-accessibility-hint = Steps, elevator, sign language, childcare, quiet room.
form-interpretation = Languages of interpretation
form-interpretation-hint = One language tag on each line, such as es or pa.
form-group-programme = Program
form-session = Session
form-repeats = Repeats
form-repeats-hint = As in a calendar file, such as FREQ=WEEKLY;COUNT=6.
form-group-contacts = Contact persons
form-contact = Contact person
form-offices = Offices
form-offices-hint = Each letter goes to all offices that you choose.
form-group-letter = The letter
form-letter-text = Letter text
form-letter-subjects = Subjects
form-letter-subjects-hint = One on each line. Each letter takes one of them.
form-letter-body = Text
form-letter-body-hint = Variables stand in double braces: target.salutation, target.name, target.title.
form-editable = Supporters may change the text
form-live = Send letters to officials
form-live-hint = Until then letters are written and wait.
form-live-true = Live
form-live-false = On hold
form-letters-held = Letters on hold
form-office = Office
form-office-hint = An office stays when its holder changes. Letters go to the person who holds it at the time.
form-office-title = Title of the office
form-office-title-hint = Such as Minister of Immigration.
form-mailboxes = Email addresses
form-mailboxes-hint = One on each line. Letters go to the first, the others get a copy.
form-honorific = Form of address
form-honorific-hint = Such as The Honourable.
form-holder-given-name = First name of the official
form-holder-family-name = Last name of the official
form-holder-hint = Leave all three empty while the office is vacant.
form-official = Add an official
form-official-hint = For a past or coming holder of an office. The present one is entered with the office.
form-group-term = Term of office
form-term-start = First day
form-term-end = Last day
form-update-hint = Updates stand on the campaign’s page, newest first.
form-update-kind = Kind of update
form-group-figures = Numbers for a chart
form-figure = Number
form-figure-series = Name of the series
form-figure-value = Value
form-figure-unit = Unit
form-source-url = Link to the source
form-group-press = Press release
form-media-contact = Contact for journalists
form-quote = Quote
form-quote-text = What was said
form-quote-by = Who said it
form-embargo = Not public before
form-group-story = Story of a person
form-pseudonym = Name it is told under
form-consent-scope = Where the person agreed it may be shown
form-consent-scope-hint = Such as: this site and leaflets, without picture.
form-consent-day = Day of the consent
form-broadcast-text-hint = The greeting is added for you. Leave an empty line between paragraphs.
form-audience-actions = People who took part in
form-group-audience = Narrow it down
form-audience-locales = Preferred language
form-audience-sources = Source code
form-broadcast-language = Language for everybody else
form-broadcast-send = Review and send
form-broadcast-send-hint = Send a test to yourself first. An email cannot be called back once it is sent.
form-broadcast-at = Send at
form-broadcast-at-hint = Leave it empty to send now.
form-first-contacts = Limit first-contact emails
form-first-contacts-hint = For the whole installation. Leave it empty for the usual limit.
form-per-hour = Emails per hour
form-unsuppress = Unblock an address
form-unsuppress-hint = For an address that bounced and works again. Nobody is told whether it was blocked.
form-person-new = Add a person
form-person-new-hint = Only people who agreed to it. Email updates are theirs to choose.
form-person-edit = Edit person
form-person-delete = Delete this person’s data
form-person-delete-hint = Everything that says who this person is will be deleted. Totals stay. This cannot be undone.
form-confirm = Confirmation
form-confirm-hint = To confirm, type { $word }
form-confirm-word = DELETE
form-tags = Tags
form-languages-spoken = Languages spoken
form-group-address = Postal address
form-identifiers = Identifiers
form-registrations = Registrations
form-registration = Registration
form-registration-new = Register a person
form-registration-new-hint = For people who registered by telephone or in person. They get the usual email.
form-registration-cancel = Cancel registration
form-party-size = Number of people
form-access-needs = Accessibility needs
form-short-link = New short link
form-short-links = Short links
form-word-hint = Small letters, digits and hyphens.
form-bulk-after = From
form-bulk-before = Until
form-dry-run = Preview only
form-dry-run-hint = Counts what would change, and changes nothing.
form-import-new = Import a file
form-separator-hint = Leave it empty to recognize it.
form-mapping-hint = Choose the column of the file for each detail. Leave out what the file does not have.
form-test-run = Test run
form-test-run-hint = Checks every line and saves nothing.
form-paper-new = Add paper signatures
form-delivery-new = Plan a delivery
form-allow-hint = Fill in a domain or a network.
form-network-hint = Such as 203.0.113.0/24.
form-source-hint = A source code tells where a signature came from. Codes that are not in this list count as “other”.
form-partner = Partner organization
form-partner-new = New partner organization
form-partner-hint = Partners get the details of people who agree to it in the form, and have a source code of their own.
form-partner-name = Name of the organization
form-partner-wording = Consent wording
form-partner-wording-hint = The sentence beside the box in the form.

# frame and forms
form-mailbox = Official’s mailbox
form-relay = Outgoing mail server
form-paused = Paused: nothing is sent

# frame and forms
console-refresh = Refresh
form-other-session = You have signed in again since this form was opened. Check it, then save it once more.
signed-out-title = You have been signed out
signed-out-hint = What you typed is kept on this page. Sign in in a new tab, then come back here and continue.
signed-out-continue = Continue

# lists of those who took part
signature-state-pending = Not confirmed
signature-state-counted = Counted
signature-state-duplicate = Duplicate
signature-state-quarantined = Held for review
signature-state-invalid = Rejected
signature-state-withdrawn = Withdrawn
comment-state-none = No comment
comment-state-waiting = To moderate
comment-state-shown = Published
comment-state-hidden = Hidden
outreach-state-held = Waiting for go-live
outreach-state-queued = Queued
outreach-state-sent = Sent
outreach-state-failed = Failed
outreach-state-uncertain = Delivery unknown
outreach-state-bounced = Bounced
outreach-state-cancelled = Cancelled
participants-open = List of people
participants-filter = Filter
participants-clear = Clear filter
participants-any = Any
participants-all = { $count ->
    [one] { $n } in all
   *[other] { $n } in all
}
participants-matching = { $count ->
    [one] { $n } matches the filter
   *[other] { $n } match the filter
}
participants-review = Review all of them by a rule
participants-none = Nobody has taken part yet. Share the public page to reach the first people.
participants-none-match = Nothing matches this filter.
participants-hidden = { $n } people. Who they are is hidden: your role may not read contact details.
participants-protected = This action has extra privacy: names, addresses and sources are not shown to anybody.
participants-nobody = Not shown
participants-place = Place
participants-choose = Select
participants-decide = With the selected
participants-continue = Continue
participants-partial = The search stopped before this page was full. Go to the next page to search on.
participants-page = Page { $n }
participants-pages = Pages of the list
decide-hint = Totals and pages follow. You can change it again later, except what people have withdrawn themselves.
decide-hold = Hold for review
decide-comment-shown = Publish comment
decide-comment-hidden = Hide comment
decide-counted = { $count ->
    [one] Approve { $n } signature?
   *[other] Approve { $n } signatures?
}
decide-quarantined = { $count ->
    [one] Hold { $n } signature for review?
   *[other] Hold { $n } signatures for review?
}
decide-invalid = { $count ->
    [one] Reject { $n } signature?
   *[other] Reject { $n } signatures?
}
decide-comments-shown = { $count ->
    [one] Publish { $n } comment?
   *[other] Publish { $n } comments?
}
decide-comments-hidden = { $count ->
    [one] Hide { $n } comment?
   *[other] Hide { $n } comments?
}
decide-cancel = { $count ->
    [one] Cancel { $n } registration? Free seats go to the waitlist, and the person gets an email.
   *[other] Cancel { $n } registrations? Free seats go to the waitlist, and each person gets an email.
}
decide-changed = { $count ->
    [one] { $n } changed.
   *[other] { $n } changed.
}

# audit log
audit-title = Audit log
audit-hint = Who did what, and when. It holds no personal data of supporters, and nobody can change it unnoticed.
audit-export = Export (CSV)
audit-verify = Verify the log
audit-whole = { $count ->
    [one] The log is intact: { $n } entry, none changed, removed or added afterwards.
   *[other] The log is intact: { $n } entries, none changed, removed or added afterwards.
}
audit-not-whole = The log is not as it was written. Ask who runs this server.
audit-head = Checksum of the newest entry, to keep elsewhere:
audit-who = Who
audit-what = What
audit-object = Object
audit-token = API token
audit-system = System
audit-count = { $count ->
    [one] { $n } entry
   *[other] { $n } entries
}
audit-area-accounts = Sign-in and team
audit-area-contacts = Contacts read or exported
audit-area-people = People and review
audit-area-petitions = Petitions and deliveries
audit-area-events = Events
audit-area-letters = Letters and offices
audit-area-mail = Email
audit-area-settings = Campaigns and settings

# saved filters
saved-title = Saved filters
saved-name = Name of this filter
saved-hint = Everybody in your organization sees it. Addresses and names of people are never saved.
saved-save = Save filter

# exports
export-title = Exports
export-which = Lists
export-choose = Choose a list.
export-list-signatures = Signatures
export-list-attendances = Registrations
export-list-outreaches = Letters
export-list-people = People
export-list-consents = Consents
export-action = Action
export-format = Format
console-export-csv = CSV (for spreadsheets)
console-export-xlsx = Excel (XLSX)
console-export-jsonl = JSON Lines (for programs)
export-usual = Usual ones
export-columns = Columns
export-partner = For a partner organization
export-partner-hint = A partner gets only the people who agreed to it and have not unsubscribed, and only how to reach them.
export-nobody = No partner
export-reason = Reason
export-reason-hint = It stands in the audit log. Owners get an email. Name no person in it.
export-reason-missing = Say why you export this list.
export-reason-address = Leave out the email address.
export-button = Export

# overview
attention-title = Needs attention
attention-none = Nothing needs you right now.
attention-held = { $title }: { $n } signatures held for review
attention-comments = { $title }: { $n } comments to moderate
attention-imports = { $title }: { $n } imported files to finish
attention-paused = Mailboxes of officials that are paused: { $n }
attention-uncertain = Letters with unknown delivery: { $n }
attention-failed = Emails that failed: { $n }
attention-overdue = Actions whose data should have been deleted: { $n }
attention-retention = Actions whose data is deleted within 30 days: { $n }
overview-days = Signatures and letters by day
overview-most = Most on one day: { $n }
overview-table = As a table
overview-other = others

# organization
organization-title = Organization
organization-hint = What people read about you in your emails.
organization-address = Postal address
organization-address-hint = Stands at the end of every email update. The law (CASL) asks for it, and nothing is sent without it. Use the address of your organization, nobody’s home.
organization-needed = Before you send it: add your organization’s postal address.
