event-kind-rally = Rally
event-kind-march = March
event-kind-assembly = Assembly
event-kind-vigil = Vigil
event-kind-workshop = Workshop
event-kind-training = Training
event-kind-camp = Camp
event-kind-delivery = Petition delivery
event-kind-meeting = Meeting
event-kind-picnic = Picnic
event-kind-other = Event
event-format-in_person = In person
event-format-online = Online
event-format-hybrid = In person and online
event-when = When
event-where = Where
event-how = Format
event-timezone = { $city } time
event-calendar = Add to calendar
event-calendar-neutral = Appointment
event-calendar-neutral-link = Calendar entry without name and place
event-map = View map
event-about-title = About this event
event-accessibility = Accessibility
event-sessions = Program
event-contacts = Questions? Contact us
event-private-link = We email the link to join only to people who register.
event-jump = Register
event-jump-waitlist = Join the waitlist
event-register-title = Register for this event
event-register-button = Register
event-waitlist-title = Join the waitlist
event-waitlist-note = This event is full. If a spot opens up, we register people from the waitlist in the order in which they joined it, and let them know by email.
event-waitlist-button = Join the waitlist
event-status-closed = Registration is closed.
event-status-cancelled = This event has been cancelled.
event-status-past = This event has ended. Thank you to everyone who came.
event-next = Next, we’ll email you a link. Follow it and press the button to complete your registration.
event-protected-note = Only the organizers can see that you registered. We ask for as little information as possible.
event-phone-hint = Only to reach you if plans change on the day.
event-interpretation-none = No interpretation needed
event-access-hint = For example: step-free access, sign language, childcare or a quiet space. Only the organizers see this.
event-data-seen = Only the organizers can see who registered. This page shows whether there are spots left, never how many people registered or who.
event-data-cancel = You can cancel at any time, using the link in our email.

token-event-confirm-heading = Confirm your registration
token-event-confirm-line-1 = You are about to register for “{ $title }”.
token-event-confirm-line-2 = You are not registered until you press the button.
token-event-confirm-button = Confirm my registration
token-event-confirm-done-heading-accepted = You are registered
token-event-confirm-done-line-accepted = See you at “{ $title }”. We are sending you an email with all the details.
token-event-confirm-done-heading-waitlisted = You are on the waitlist
token-event-confirm-done-line-waitlisted = “{ $title }” is full at the moment. We will email you if a spot opens up.
token-event-confirm-done-heading-declined = This event is full
token-event-confirm-done-line-declined = There are no spots left for “{ $title }”. Thank you for your interest.
token-event-manage-heading = Your registration
token-event-manage-line-1 = You registered for “{ $title }”.
token-event-manage-line-2 = If you can’t come, please cancel so that someone else can take your spot.
token-event-manage-button = Cancel my registration
token-event-manage-done-heading = Your registration has been cancelled
token-event-manage-done-line-1 = You are no longer registered for “{ $title }”. Thank you for letting us know.
token-event-join-heading = Join online
token-event-join-line-1 = You are at “{ $title }”.
token-event-join-line-2 = The button opens the meeting. It is for you only, so please do not share this page.
token-event-join-button = Join now
join-page-link = Join online
ticket-label = Your ticket
ticket-line = Show this code at the door.
join-not-yet = You can join from { $time }. Come back to this page then.
join-missing = There is nothing to join yet. Please look at this page again later.
join-refused = You cannot join with this page. Please look for our latest email, or send the form again.
join-hide-name = You can choose any name before you join, and leave your camera off. Others see the name that you choose.
join-dial-in = By telephone
join-to = What do you want to hear?
join-to-meeting = The meeting
join-to-interpretation = The interpretation
token-event-confirm-done-heading-kept = Your earlier registration stays
token-event-confirm-done-line-kept = There is no room for a larger group at “{ $title }”. Your earlier registration stays as it is.
event-state-accepted = Registered
event-state-waitlisted = On the waitlist
event-state-cancelled = Cancelled
event-state-declined = Event full
repeats-daily = { $count ->
    [one] every day
   *[other] every { $n } days
}
repeats-weekly = { $count ->
    [one] every week
   *[other] every { $n } weeks
}
repeats-monthly = { $count ->
    [one] every month
   *[other] every { $n } months
}
repeats-yearly = { $count ->
    [one] every year
   *[other] every { $n } years
}
repeats-count = { $count ->
    [one] once
   *[other] { $n } times
}
repeats-until = until { $date }
repeats-on = { $every } on { $days }
repeats-weekday = { $weekday }
repeats-nth-weekday = { $nth ->
    [1] the first { $weekday }
    [2] the second { $weekday }
    [3] the third { $weekday }
    [4] the fourth { $weekday }
   *[last] the last { $weekday }
}
repeats-month-day = { $day ->
    [1] the 1st
    [2] the 2nd
    [3] the 3rd
    [21] the 21st
    [22] the 22nd
    [23] the 23rd
   *[other] the { $day }th
}
repeats-last-day = the last day
repeats-dates = next dates: { $dates }
repeats-dates-more = next dates: { $dates }; and later
event-state-pending = Not confirmed
