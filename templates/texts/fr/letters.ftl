letter-count = { $count ->
    [one] { $n } lettre écrite jusqu’ici
   *[other] { $n } lettres écrites jusqu’ici
}
letter-to-title = Destinataires
letter-greeting = Formule d’appel : { $greeting }
letter-about-title = À propos de cette campagne
letter-jump = Écrire votre lettre
letter-form-title = Votre lettre
letter-button = Envoyer ma lettre
letter-next = Nous vous enverrons ensuite un lien par courriel. Votre lettre part seulement après que vous l’avez suivi et avez appuyé sur le bouton.
letter-held = Nous recueillons les lettres avant le lancement de la campagne. Nous gardons la vôtre en sécurité et l’enverrons le jour du lancement.
letter-subject-hint = Choisissez une suggestion ou écrivez votre propre objet.
letter-message-hint = Les lettres écrites dans vos propres mots ont le plus d’effet. Modifiez tout ce que vous voulez. Nous ajoutons la formule d’appel avant votre texte et votre nom après.
letter-message-hint-fixed = Ce texte est le même pour tout le monde. Nous ajoutons la formule d’appel avant le texte et votre nom après.
letter-city-hint = Les responsables répondent d’abord aux gens de leur région.
letter-show-email-label = Inclure mon adresse courriel dans la lettre, pour que le bureau puisse me répondre directement.
letter-show-email-hint = Si vous ne cochez pas cette case, le bureau reçoit notre adresse de réponse au lieu de la vôtre.
letter-sent-title = Ce que nous envoyons, et à qui
letter-sent-what = Nous envoyons votre nom, votre ville, votre code postal et votre lettre à :
letter-sent-onward = Une lettre envoyée ne peut pas être rappelée; les ministères peuvent la transmettre à d’autres ministères.
letter-sent-email = Nous y ajoutons votre adresse courriel seulement si vous cochez la case.
letter-data-seen = L’équipe organisatrice peut voir ce que vous saisissez. Le public voit seulement le nombre de lettres.
letter-protected-note = Les destinataires ci-dessus voient votre nom dans la lettre. À part ces destinataires et l’équipe organisatrice, personne n’apprend que vous avez écrit.

token-letter-confirm-heading = Envoyez votre lettre
token-letter-confirm-line-1 = Votre lettre pour « { $title } » est prête.
token-letter-confirm-line-2 = Rien n’est envoyé tant que vous n’avez pas appuyé sur le bouton. Vérifiez une dernière fois ce qui sera envoyé.
token-letter-confirm-button = Envoyer ma lettre
token-letter-confirm-done-heading = Merci. Votre lettre est confirmée.
token-letter-confirm-done-line-1 = Nous envoyons les lettres à un rythme régulier pour que chacune soit livrée. La vôtre peut prendre un peu de temps.
token-letter-confirm-done-line-held = Nous la gardons en sécurité et l’enverrons le jour du lancement de la campagne.
token-letter-manage-heading = Votre lettre
token-letter-manage-line-1 = Vous avez écrit une lettre pour « { $title } ».
token-letter-manage-line-2 = Vous pouvez encore annuler ce qui n’a pas été envoyé. Une lettre envoyée ne peut pas être rappelée.
token-letter-manage-button = Annuler ma lettre
token-letter-manage-done-heading = Votre lettre est annulée
token-letter-manage-done-line-1 = Plus rien ne sera envoyé en votre nom. Les lettres déjà envoyées ne peuvent pas être rappelées.
letter-state-pending = En attente de votre confirmation
letter-state-held = En attente du lancement de la campagne
letter-state-queued = En attente d’envoi
letter-state-sent = Envoyée
letter-state-failed = N’a pas pu être livrée
letter-state-uncertain = Livraison incertaine
letter-state-cancelled = Annulée
