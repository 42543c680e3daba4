# Shared by every page. `$count` is a number (it picks the plural form), `$n` is the same number written for the reader.

skip-link = Skip to the main text
nav-home = Home
nav-languages = Language
footer-line = No trackers and no advertising. We keep no record of your IP address or of the device you use.
hosted-by = Organized by { $name }
part-of = Part of the campaign “{ $title }”
fallback-language = This text is available only in { $language } so far.

home-lead = Sign. Come along. Write to the people who decide. Every one of us counts.
home-campaigns = Our campaigns
home-petitions = Petitions to sign
home-events = Come together
home-letters = Letters to write
home-empty = Nothing is open at the moment. Please come back soon.

action-kind-petition = Petition
action-kind-event = Event
action-kind-letter = Letter
action-go-campaign = See the campaign
action-go-petition = Read and sign
action-go-event = See details and register
action-go-letter = Write your letter

status-draft = Draft
status-waitlist = Waiting list
status-closed = Closed
status-paused = Paused
status-cancelled = Cancelled
status-past = Over
status-won = Won
status-lost = Over
status-not_yet = Opens soon
standing-not_yet = This opens on { $date }.
standing-paused = This is paused. Please come back soon.
standing-closed = This is closed. Thank you to everyone who took part.
standing-won = We won. Thank you to everyone who took part.
standing-lost = This is over. We did not reach our aim this time. Thank you to everyone who took part.
standing-cancelled = This was called off.
standing-since = Since { $date }
preview-banner = Preview: only people with this link see this page. Nothing can be sent from it.

campaign-actions = What you can do
campaign-updates = What has happened so far
campaign-chart = The numbers
update-kind-news = News
update-kind-win = A win
update-kind-deadline = Deadline
update-kind-draw = Draw
update-kind-press = In the press
update-kind-story = A story
update-source = Source

optional = (optional)
form-errors-title = { $count ->
    [one] One answer needs another look
   *[other] { $n } answers need another look
}
field-given_name = First name
field-family_name = Last name
field-email = E-mail address
field-phone = Phone number
field-postal_code = Postal code
field-city = City or town
field-country = Country
field-comments = Why are you signing?
field-display = May your name be shown?
field-updates = News by e-mail
field-party_size = How many people are coming, you included?
field-interpretation = Do you need interpretation?
field-access_needs = What do you need to take part?
field-subject = Subject
field-message = Your letter
field-show_email = Your e-mail address in the letter
field-website = Please leave this box empty
updates-label = Yes, send me news about this campaign by e-mail. I can stop it at any time.

country-CA = Canada
country-US = United States
country-MX = Mexico
country-GT = Guatemala
country-CO = Colombia
country-HT = Haiti
country-JM = Jamaica
country-PH = Philippines
country-IN = India
country-PK = Pakistan
country-BD = Bangladesh
country-NG = Nigeria
country-FR = France
country-GB = United Kingdom
country-other = Another country

data-title = What happens with your data
data-encrypted = Your details are stored encrypted. We keep no record of your IP address or of your device.
data-updates = We write to you about other things only if you tick the box.
data-protected-list = This list has a lock of its own. It is kept apart from all our other lists, and its key is destroyed when its time is over.
data-protected-mail = Our e-mails to you do not say what they are about.
protected-badge = Specially protected

challenge-title = A quick check that you are a person
challenge-wait = { $count ->
    [one] Many people are here right now. Please wait one second, then press the button again. What you wrote stays in the form.
   *[other] Many people are here right now. Please wait { $n } seconds, then press the button again. What you wrote stays in the form.
}
challenge-working = Your device is solving a small puzzle. You have nothing to do, and nothing about you is sent.
challenge-done = Done. You can press the button now.

received-title-email = Now check your e-mail
received-title-none = Thank you
received-email-1 = We have received your form. If everything is in order, an e-mail is on its way. Open it, follow its link and press the button there.
received-email-petition = Your signature counts as soon as you have done that.
received-email-event = Your place is requested as soon as you have done that.
received-email-letter = Your letter goes on its way as soon as you have done that.
received-none-petition = We have received your signature. The public number is refreshed every few minutes.
received-none-event = We have received your registration.
received-none-letter = We have received your letter.
received-spam = Nothing there after ten minutes? Look in your spam folder, or check the address and fill in the form once more.
received-same = To keep everyone safe, this page says the same to everybody. Nobody can use it to find out who has taken part.
received-back = Back to “{ $title }”
received-mailbox = Open the demo mailbox

token-details = What was entered
token-links = You can also
token-share-title = Now bring one more person
token-own-count = { $count ->
    [one] You are the first to sign.
   *[other] With you, we are { $n } people.
}
token-not-me-link = This was not me
token-not-me-heading = This was not you?
token-not-me-line-1 = Then someone entered your address by mistake, or without asking you.
token-not-me-line-2 = Press the button and we drop what was entered. Nothing has been counted or sent in your name.
token-not-me-button = This was not me
token-not-me-never-again = Never mail this address again, whoever enters it
token-not-me-done-heading = All right, it is dropped
token-not-me-done-line-1 = Nothing was counted or sent in your name. You have nothing more to do.
token-never-heading = No more mail from us
token-never-line-1 = Press the button and we will never write to this address again, for any campaign.
token-never-button = Never write to me again
token-never-done-heading = We will not write again
token-never-done-line-1 = Your address is on our list of people we must not write to.
token-updates-heading = Stop the news
token-updates-line-1 = Press the button and we send you no more news. What you have signed or registered for stays as it is.
token-updates-button = Stop sending me news
token-updates-done-heading = You get no more news from us
token-updates-done-line-1 = What you have signed or registered for stays as it is.
token-neutral-confirm-heading = Please confirm
token-neutral-confirm-line-1 = Press the button if you asked for this. If you did not, simply close this page.
token-neutral-confirm-button = Confirm
token-neutral-confirm-done-heading = Thank you, it is confirmed
token-neutral-confirm-done-line-1 = You can close this page now.
token-neutral-manage-heading = Your entry
token-neutral-manage-line-1 = Press the button if you want your entry removed.
token-neutral-manage-button = Remove my entry
token-neutral-manage-done-heading = Your entry is removed
token-neutral-manage-done-line-1 = You can close this page now.

detail-name = Name
detail-email = E-mail
detail-phone = Phone
detail-postal_code = Postal code
detail-city = City
detail-country = Country
detail-comments = Comment
detail-display = Name shown
detail-updates = News by e-mail
detail-when = When
detail-place = Where
detail-party_size = People
detail-interpretation = Interpretation
detail-access_needs = Access needs
detail-offices = Goes to
detail-subject = Subject
detail-message = Letter
detail-show_email = E-mail in the letter
detail-status = Status
value-yes = Yes
value-no = No
value-none = None

share-whatsapp = Share on WhatsApp
share-telegram = Share on Telegram
share-facebook = Share on Facebook
share-email = Share by e-mail
share-sms = Share by text message
share-link = Open the page to share
code-title = Confirm with a code
code-lead = Type your e-mail address and the code from our mail.
code-hint = Eight letters and digits
code-button = Confirm
field-code = Code
my-title = My signatures
my-lead = Type your e-mail address. If it has signed here, we mail it a link to a page where you can see, change and erase that.
my-button = Send me the link
my-asked-title = Look into your mailbox
my-asked-lead = If this address has signed here, a mail with the link is on its way. We say the same to everyone, so that nobody can find out who signed.
own-display-link = Change how my name is shown
own-display-heading = How your name is shown
own-display-line = This is how your name is shown beside “{ $title }”.
own-display-button = Save
own-display-done = Saved
own-data-link = Download my data
own-data-heading = Your data
own-data-line = You get a file with everything that we keep about your signatures.
own-data-button = Download
own-erase-link = Erase me
own-erase-heading = Erase everything about you
own-erase-line-1 = Everything that we keep about your signatures is erased: name, address, what you wrote and what you agreed to.
own-erase-line-2 = What you signed stays in the totals, as a number. Registrations for events and letters have links of their own.
own-erase-button = Erase me
own-erase-done-heading = You are erased
own-erase-done-line = We keep nothing about your signatures any more.
own-signed = Signed
share-bluesky = Share on Bluesky
share-x = Share on X
poster-scan-petition = Scan to sign
poster-scan-event = Scan to register
poster-scan-letter = Scan to write
update-told-by = Told by { $name } (name changed)
update-media-contact = Media contact
