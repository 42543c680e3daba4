letter-count = { $count ->
    [one] { $n } letter written so far
   *[other] { $n } letters written so far
}
letter-to-title = Who gets your letter
letter-greeting = Begins with “{ $greeting }”
letter-about-title = Why we write
letter-jump = Write your letter
letter-form-title = Your letter
letter-button = Send my letter
letter-next = Next you get an e-mail from us. Your letter goes out once you press the button on the page that it links to.
letter-held = We are collecting letters now. Yours is kept safely and goes out on the day the campaign starts.
letter-subject-hint = Choose one of our suggestions or write your own.
letter-message-hint = Your own words count most. Change as much as you like. We add the greeting, and your name below the text.
letter-message-hint-fixed = This text is the same for everyone. We add the greeting, and your name below the text.
letter-city-hint = Officials answer people from their own area first.
letter-show-email-label = Put my e-mail address in the letter, so that the office can answer me directly.
letter-show-email-hint = If you do not tick this, the office gets a reply address of ours instead of yours.
letter-sent-title = What is sent, and to whom
letter-sent-what = Your name, your city, your postal code and your text go to these offices:
letter-sent-onward = What one ministry receives may be passed on to other departments, and we cannot call it back.
letter-sent-email = Your e-mail address goes along only if you tick the box.
letter-data-seen = The organizers can see what you enter. The public sees only how many letters were written.
letter-protected-note = The letter itself carries your name to the offices above. Apart from that, nobody learns that you wrote.

token-letter-confirm-heading = Send your letter
token-letter-confirm-line-1 = Your letter for “{ $title }” is ready.
token-letter-confirm-line-2 = Nothing goes out until you press the button. Please read once more what will be sent.
token-letter-confirm-button = Yes, send my letter
token-letter-confirm-done-heading = Thank you. Your letter is on its way.
token-letter-confirm-done-line-1 = We send letters at a steady pace, so that each one arrives. Yours may take a little while.
token-letter-confirm-done-line-held = It is kept safely and goes out on the day the campaign starts.
token-letter-manage-heading = Your letter
token-letter-manage-line-1 = You have written a letter for “{ $title }”.
token-letter-manage-line-2 = What has not gone out yet can still be stopped. What has been sent cannot be called back.
token-letter-manage-button = Stop my letter
token-letter-manage-done-heading = Your letter is stopped
token-letter-manage-done-line-1 = Nothing more goes out in your name. What had been sent before cannot be called back.
letter-state-pending = Waiting for your confirmation
letter-state-held = Kept until the campaign starts
letter-state-queued = Waiting to be sent
letter-state-sent = Sent
letter-state-failed = Could not be delivered
letter-state-uncertain = Possibly sent
letter-state-cancelled = Stopped
