event-kind-rally = Rassemblement
event-kind-march = Marche
event-kind-assembly = Assemblée
event-kind-vigil = Veillée
event-kind-workshop = Atelier
event-kind-training = Formation
event-kind-camp = Camp d’action
event-kind-delivery = Remise de la pétition
event-kind-meeting = Réunion
event-kind-picnic = Pique-nique
event-kind-other = Événement
event-format-in_person = En personne
event-format-online = En ligne
event-format-hybrid = En personne et en ligne
event-when = Quand
event-where = Où
event-how = Format
event-timezone = Heure locale : { $city }
event-calendar = Ajouter au calendrier
event-calendar-neutral = Rendez-vous
event-calendar-neutral-link = Entrée de calendrier sans nom ni lieu
event-map = Voir la carte
event-about-title = À propos de l’événement
event-accessibility = Accessibilité
event-sessions = Programme
event-contacts = Des questions? Communiquez avec nous
event-private-link = Nous envoyons le lien pour participer seulement aux personnes inscrites, par courriel.
event-jump = S’inscrire
event-jump-waitlist = S’inscrire à la liste d’attente
event-register-title = Inscrivez-vous à l’événement
event-register-button = M’inscrire
event-waitlist-title = Inscrivez-vous à la liste d’attente
event-waitlist-note = Cet événement est complet. Si une place se libère, nous inscrivons les personnes de la liste d’attente dans l’ordre d’arrivée et les prévenons par courriel.
event-waitlist-button = M’inscrire à la liste d’attente
event-status-closed = Les inscriptions sont fermées.
event-status-cancelled = Cet événement a été annulé.
event-status-past = Cet événement est terminé. Merci à toutes les personnes qui sont venues.
event-next = Nous vous enverrons ensuite un lien par courriel. Suivez-le et appuyez sur le bouton pour terminer votre inscription.
event-protected-note = Seule l’équipe organisatrice peut voir votre inscription. Nous demandons le moins de renseignements possible.
event-phone-hint = Seulement pour vous joindre en cas de changement le jour même.
event-interpretation-none = Aucune interprétation
event-access-hint = Par exemple : accès sans marches, langue des signes, garde d’enfants ou espace calme. Seule l’équipe organisatrice le voit.
event-data-seen = Seule l’équipe organisatrice peut voir qui s’est inscrit. Cette page indique s’il reste des places, jamais le nombre ni le nom des personnes inscrites.
event-data-cancel = Vous pouvez annuler en tout temps grâce au lien de notre courriel.

token-event-confirm-heading = Confirmez votre inscription
token-event-confirm-line-1 = Vous êtes sur le point de vous inscrire à « { $title } ».
token-event-confirm-line-2 = Votre inscription n’est pas faite tant que vous n’avez pas appuyé sur le bouton.
token-event-confirm-button = Confirmer mon inscription
token-event-confirm-done-heading-accepted = Votre inscription est confirmée
token-event-confirm-done-line-accepted = À bientôt à « { $title } ». Nous vous envoyons un courriel avec tous les détails.
token-event-confirm-done-heading-waitlisted = Vous êtes sur la liste d’attente
token-event-confirm-done-line-waitlisted = « { $title } » est complet pour le moment. Nous vous écrirons si une place se libère.
token-event-confirm-done-heading-declined = Cet événement est complet
token-event-confirm-done-line-declined = Il ne reste plus de places pour « { $title } ». Merci de votre intérêt.
token-event-manage-heading = Votre inscription
token-event-manage-line-1 = Votre inscription : « { $title } ».
token-event-manage-line-2 = Si vous ne pouvez pas venir, annulez pour libérer votre place.
token-event-manage-button = Annuler mon inscription
token-event-manage-done-heading = Votre inscription est annulée
token-event-manage-done-line-1 = Votre inscription à « { $title } » est annulée. Merci de nous avoir prévenus.
token-event-join-heading = Participer en ligne
token-event-join-line-1 = Vous êtes à « { $title } ».
token-event-join-line-2 = Le bouton ouvre la rencontre. Il est pour vous seulement, ne partagez pas cette page.
token-event-join-button = Participer maintenant
join-page-link = Participer en ligne
ticket-label = Votre billet
ticket-line = Montrez ce code à l’entrée.
join-not-yet = Vous pourrez participer à partir de ce moment : { $time }. Revenez alors à cette page.
join-missing = Il n’y a encore rien à rejoindre. Revenez à cette page plus tard.
join-refused = Cette page ne permet pas de participer. Cherchez notre dernier courriel, ou envoyez de nouveau le formulaire.
join-hide-name = Vous pouvez choisir n’importe quel nom avant de participer et laisser votre caméra éteinte. Les autres voient le nom que vous choisissez.
join-dial-in = Par téléphone
join-to = Que voulez-vous entendre?
join-to-meeting = La rencontre
join-to-interpretation = L’interprétation
token-event-confirm-done-heading-kept = Votre inscription précédente reste valable
token-event-confirm-done-line-kept = Il n’y a pas de place pour un plus grand groupe à « { $title } ». Votre inscription précédente reste telle quelle.
event-state-accepted = Inscription confirmée
event-state-waitlisted = Sur la liste d’attente
event-state-cancelled = Inscription annulée
event-state-declined = Événement complet
repeats-daily = { $count ->
    [1] chaque jour
   *[other] tous les { $n } jours
}
repeats-weekly = { $count ->
    [1] chaque semaine
   *[other] toutes les { $n } semaines
}
repeats-monthly = { $count ->
    [1] chaque mois
   *[other] tous les { $n } mois
}
repeats-yearly = { $count ->
    [1] chaque année
   *[other] tous les { $n } ans
}
repeats-count = { $count ->
    [1] une fois
   *[other] { $n } fois
}
repeats-until = jusqu’au { $date }
repeats-on = { $every }, { $days }
repeats-weekday = le { $weekday }
repeats-nth-weekday = { $nth ->
    [1] le premier { $weekday }
    [2] le deuxième { $weekday }
    [3] le troisième { $weekday }
    [4] le quatrième { $weekday }
   *[last] le dernier { $weekday }
}
repeats-month-day = { $day ->
    [1] le 1er
   *[other] le { $day }
}
repeats-last-day = le dernier jour
repeats-dates = prochaines dates : { $dates }
repeats-dates-more = prochaines dates : { $dates }; et plus tard
event-state-pending = Non confirmée
