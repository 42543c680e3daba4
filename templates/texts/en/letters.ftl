letter-count = { $count ->
    [one] { $n } letter written so far
   *[other] { $n } letters written so far
}
letter-to-title = Recipients
letter-greeting = Salutation: { $greeting }
letter-about-title = About this campaign
letter-jump = Write your letter
letter-form-title = Your letter
letter-button = Send my letter
letter-next = Next, we’ll email you a link. Your letter is sent only after you follow it and press the button there.
letter-held = We are collecting letters before the campaign starts. We keep yours safe and send it on launch day.
letter-subject-hint = Choose a suggestion or write your own.
letter-message-hint = Letters in your own words have the most impact. Change as much as you like. We add the salutation above your text and your name below it.
letter-message-hint-fixed = This text is the same for everyone. We add the salutation above it and your name below it.
letter-city-hint = Officials respond first to people from their own area.
letter-show-email-label = Include my email address in the letter, so that the office can reply to me directly.
letter-show-email-hint = If you do not check this box, the office gets our reply address instead of yours.
letter-sent-title = What we send, and to whom
letter-sent-what = We send your name, city, postal code and letter to:
letter-sent-onward = Letters cannot be recalled once sent; ministries may share them with other departments.
letter-sent-email = We include your email address only if you check the box.
letter-data-seen = The organizers can see what you enter. The public sees only the number of letters.
letter-protected-note = The recipients above see your name in the letter. Apart from them and the organizers, nobody learns that you wrote.

token-letter-confirm-heading = Send your letter
token-letter-confirm-line-1 = Your letter for “{ $title }” is ready.
token-letter-confirm-line-2 = Nothing is sent until you press the button. Please check once more what will be sent.
token-letter-confirm-button = Send my letter
token-letter-confirm-done-heading = Thank you. Your letter is confirmed.
token-letter-confirm-done-line-1 = We send letters at a steady pace so that each one is delivered. Yours may take a little while.
token-letter-confirm-done-line-held = We keep it safe and send it on the day the campaign launches.
token-letter-manage-heading = Your letter
token-letter-manage-line-1 = You wrote a letter for “{ $title }”.
token-letter-manage-line-2 = You can still cancel what has not been sent. Letters cannot be recalled once sent.
token-letter-manage-button = Cancel my letter
token-letter-manage-done-heading = Your letter has been cancelled
token-letter-manage-done-line-1 = Nothing more will be sent in your name. Letters that were already sent cannot be recalled.
letter-state-pending = Waiting for your confirmation
letter-state-held = Waiting for campaign launch
letter-state-queued = Waiting to be sent
letter-state-sent = Sent
letter-state-failed = Could not be delivered
letter-state-uncertain = Delivery unknown
letter-state-cancelled = Cancelled
