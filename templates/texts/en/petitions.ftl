petition-count = { $count ->
    [one] { $n } person has signed
   *[other] { $n } people have signed
}
petition-goal = of { $n }
petition-progress-label = Signatures on the way to the goal
petition-to = To
petition-text-title = What we ask for
petition-about-title = Why it matters
petition-jump = Sign now
petition-sign-title = Sign this petition
petition-sign-button = Add my name
petition-sign-button-protected = Sign
petition-next-email = Next you get an e-mail from us. Your signature counts once you press the button on the page that it links to.
petition-next-none = Your signature counts as soon as you press the button.
petition-protected-note = Nothing about you is shown to anyone. We need your e-mail address only, so that each person signs once.
petition-comments-hint = The organizers read this and may publish it, with your name only as you choose below. Please leave out anything that could put you or someone else at risk.
petition-postal-hint = Shows which ridings we come from, in large groups only.
display-hidden = No, only the number grows
display-initials = My initials only
display-first_name = My first name and city
display-full_name = My full name
petition-data-seen = The organizers can see what you enter. Everyone else sees a number, and your name only if you choose so.
petition-data-seen-protected = Only the organizers can open this list. Everyone else sees a number and nothing more.
petition-data-withdraw = You can take your signature back at any time, with a link that we send you by e-mail.

token-petition-confirm-heading = Confirm your signature
token-petition-confirm-line-1 = You are about to sign “{ $title }”.
token-petition-confirm-line-2 = Nothing counts until you press the button.
token-petition-confirm-button = Yes, I sign
token-petition-confirm-done-heading = Thank you. Your signature counts.
token-petition-confirm-done-line-1 = You have signed “{ $title }”.
token-petition-confirm-done-line-2 = Our next e-mail has a link with which you can take your signature back.
token-petition-manage-heading = Your signature
token-petition-manage-line-1 = You have signed “{ $title }”.
token-petition-manage-line-2 = You may take your signature back. Then it no longer counts.
token-petition-manage-button = Take my signature back
token-petition-manage-done-heading = Your signature is withdrawn
token-petition-manage-done-line-1 = It no longer counts for “{ $title }”. You are welcome to come back at any time.
petition-letter-title = Your letter
petition-letter-hint = Signing also sends this letter, once you have confirmed. Change it if you like: letters in your own words count most.
petition-keep-nothing = Count me, keep nothing: drop my name and address as soon as I have confirmed
petition-keeps-nothing = We drop your name and address as soon as you have confirmed. Only the number stays.
token-nothing-kept = We have dropped your name and address. Only the number stays.
token-keep-link = Keep this link: it leads to your entry
petition-comments-title = What people say
petition-comments-somebody = A supporter
petition-extra = and { $n } on paper
