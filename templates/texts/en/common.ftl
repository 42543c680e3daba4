# Shared by every page. `$count` is a number (it picks the plural form), `$n` is the same number written for the reader.

skip-link = Skip to main content
nav-home = Home
nav-languages = Language
language-en = English
language-fr = French
language-es = Spanish
language-pa = Punjabi
footer-line = No tracking, no ads. We keep no record of your IP address or device.
hosted-by = Organized by { $name }
part-of = Campaign: { $title }
fallback-language = This text is not translated yet. It is shown in { $language }.

home-lead = Sign a petition. Come to an event. Write to decision-makers. Everyone counts.
home-campaigns = Our campaigns
home-petitions = Petitions
home-events = Upcoming events
home-letters = Write a letter
home-empty = There are no open actions right now. Please check back soon.

action-kind-petition = Petition
action-kind-event = Event
action-kind-letter = Letter
action-go-campaign = View campaign
action-go-petition = Read and sign
action-go-event = View details and register
action-go-letter = Write a letter

status-draft = Draft
status-waitlist = Waitlist
status-closed = Closed
status-paused = Paused
status-cancelled = Cancelled
status-past = Ended
status-won = Won
status-lost = Ended
status-not_yet = Opening soon
standing-not_yet = Opens on { $date }.
standing-paused = This action is paused. Please check back soon.
standing-closed = This action is closed. Thank you to everyone who took part.
standing-won = We won! Thank you to everyone who took part.
standing-lost = This action has ended. We did not win this time. Thank you to everyone who took part.
standing-cancelled = This action was cancelled.
standing-since = Since { $date }
preview-banner = Preview: only people with this link can see this page. The form cannot be sent.

campaign-actions = Take action
campaign-updates = Updates
campaign-chart = Key figures
update-kind-news = News
update-kind-win = Win
update-kind-deadline = Deadline
update-kind-draw = Invitation round
update-kind-press = Press release
update-kind-story = Story
update-source = Source

optional = (optional)
title-has-errors = Error:
form-errors-title = { $count ->
    [one] There is a problem with one answer
   *[other] There is a problem with { $n } answers
}
field-given_name = First name
field-family_name = Last name
field-email = Email address
field-phone = Phone number
field-postal_code = Postal code
field-city = City or town
field-country = Country
field-comments = Why are you signing?
field-display = Show my name publicly?
field-updates = Email updates
field-party_size = How many people are coming, including you?
field-interpretation = Do you need interpretation?
field-access_needs = Do you have accessibility needs?
field-subject = Subject
field-message = Your letter
field-show_email = Your email address in the letter
field-website = Leave this field empty
updates-label = Yes, send me email updates about this campaign. I can unsubscribe at any time.

country-other = Another country

data-title = How we use your data
data-encrypted = Your personal details are stored encrypted. We keep no record of your IP address or device.
data-updates = We email you about other things only if you opt in to email updates.
data-protected-list = This list is encrypted with its own key and kept apart from our other lists. We destroy the key after this action ends; then nobody can read the list any more.
data-protected-mail = Our emails to you do not mention what they are about.
protected-badge = Extra privacy

challenge-title = Quick security check
challenge-wait = { $count ->
    [one] This page is very busy. Please wait 1 second, then press the button again. What you entered stays in the form.
   *[other] This page is very busy. Please wait { $n } seconds, then press the button again. What you entered stays in the form.
}
challenge-working = Your device is running a security check. You don’t need to do anything, and no information about you is sent.
challenge-done = Done. You can now press the button.

received-title-email = Check your email
received-title-none = Thank you
received-email-1 = We received your form. You should get an email from us within a few minutes. Open it, follow the link and press the button on that page to confirm.
received-email-petition = Your signature counts only after you confirm it.
received-email-event = You are registered only after you confirm.
received-email-letter = Your letter is sent only after you confirm it.
received-none-petition = We received your signature. The public total is updated every few minutes.
received-none-event = We received your registration.
received-none-letter = We received your letter.
received-spam = No email after ten minutes? Check your spam folder. If it is not there, check the address you entered and send the form again.
received-same = For everyone’s safety, this page is the same for everybody, so nobody can use it to find out who has taken part.
received-back = Back to “{ $title }”
received-mailbox = Open the demo inbox

token-details = Your details
token-links = More options
token-share-title = Ask a friend to join in
token-own-count = { $count ->
    [one] You are the first to sign.
   *[other] With you, { $n } people have signed.
}
token-waiting-link = Other forms sent with this address
token-waiting-heading = Other forms with your email address
token-waiting-line-1 = Other forms may have been sent here with your email address, by you or by somebody else. Press the button to see those that are not confirmed.
token-waiting-line-2 = These forms are waiting to be confirmed. Confirm the ones that are yours, and tell us which were not you. Nothing counts until you confirm it.
token-waiting-none = No other form with your email address is waiting.
token-waiting-button = Show them
token-waiting-mine = This is mine: { $what }
token-waiting-not-mine = This was not me: { $what }
token-not-me-link = This was not me
token-not-me-heading = Was this not you?
token-not-me-line-1 = Someone may have entered your address by mistake or without asking you.
token-not-me-line-2 = Press the button and we delete what was entered. Nothing has been counted or sent in your name.
token-not-me-button = This was not me
token-not-me-never-again = Never email this address again, no matter who enters it
token-not-me-done-heading = Deleted
token-not-me-done-line-1 = Nothing was counted or sent in your name. You don’t need to do anything else.
token-neutral-confirm-heading = Please confirm
token-neutral-confirm-line-1 = Press the button if you asked for this. If not, simply close this page.
token-neutral-confirm-button = Confirm
token-neutral-confirm-done-heading = Thank you, you have confirmed
token-neutral-confirm-done-line-1 = You can close this page now.
token-neutral-manage-heading = Your request
token-neutral-manage-line-1 = Press the button if you want to withdraw your request.
token-neutral-manage-button = Withdraw my request
token-neutral-manage-done-heading = Your request has been withdrawn
token-neutral-manage-done-line-1 = You can close this page now.
token-own-heading = Your page
token-own-line = Press the button to see what you sent, and to change or withdraw it. Make sure that nobody reads along.
token-own-button = Open my page

detail-name = Name
detail-email = Email
detail-phone = Phone
detail-postal_code = Postal code
detail-city = City
detail-country = Country
detail-comments = Comment
detail-display = Show name publicly
detail-updates = Email updates
detail-when = When
detail-place = Where
detail-party_size = Number of people
detail-interpretation = Interpretation
detail-access_needs = Accessibility needs
detail-offices = Recipients
detail-subject = Subject
detail-message = Letter
detail-show_email = Email in the letter
detail-status = Status
value-yes = Yes
value-no = No

share-title-petition = Share this petition
share-title-event = Share this event
share-title-letter = Share this letter
share-poster = Poster with QR code
share-whatsapp = Share on WhatsApp
share-telegram = Share on Telegram
share-facebook = Share on Facebook
share-email = Share by email
code-title = Confirm with a code
code-lead = Enter your email address and the code from our email.
code-hint = 8 letters and digits
code-button = Confirm
field-code = Code
my-title = My page
my-lead = Enter your email address. If it was used here to sign, to register or to write, we email you a link to a page where you can view, change and delete all of it.
my-button = Send me the link
my-asked-title = Check your email
my-asked-lead = If this address was used here, we are sending it an email with the link. Everyone sees this same message, so nobody can find out who took part.
own-display-link = Change how my name is shown
own-display-heading = How your name is shown
own-display-line = Choose how your name is shown with your signature on “{ $title }”.
own-display-button = Save
own-display-done = Saved
own-page-back = Back to my page
own-data-link = Download my data
own-data-heading = Your data
own-data-line = Download a file with all the data we keep about you.
own-data-button = Download
own-data-box = Show it on this page, not in a file
own-data-see-link = See my data
own-data-see-line = See all the data we keep about you, on this page.
own-data-see-button = Show my data
own-data-first = First contact
own-data-noted = Noted by the organizers
own-data-import = From a list of the organizers
own-data-agreed = You agreed
own-data-ended = You withdrew
own-data-mails = Emails about this
own-data-suppressed = No email updates since
own-delete-link = Delete my data
own-delete-heading = Delete your data
own-delete-line-1 = We delete all the data we keep about you: your name and address, what you signed, your event registrations, your letters and calls, comments and consents.
own-delete-line-2 = Signatures and letters that were sent stay in the totals, as a number only. Your seats go to others. Letters that were sent cannot be recalled.
own-delete-button = Delete my data
own-delete-done-heading = Your data has been deleted
own-delete-done-line = We no longer keep any data about you. If you asked us never to write to you again, only a code made from your address stays, so that we do not.
own-void-link = Make my earlier links invalid
own-void-heading = Make your earlier links invalid
own-void-line-1 = Every link to your pages that we have mailed to you stops working, also this one. Do this if somebody else may have read your mail.
own-void-line-2 = Nothing else changes. Links to confirm and to unsubscribe go on working.
own-void-button = Make them invalid
own-void-done-heading = Your earlier links no longer work
own-void-done-line = We mail you a new one whenever you ask for it.
own-void-again = Get a new link
own-signed = Petition signed
own-registered = Registered
own-wrote = Letter written
share-bluesky = Share on Bluesky
share-x = Share on X
poster-scan-petition = Scan to sign
poster-scan-event = Scan to register
poster-scan-letter = Scan to send a letter
update-told-by = As told by { $name } (name changed)
update-media-contact = Media contact
