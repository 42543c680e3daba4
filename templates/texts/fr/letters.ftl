letter-count = { $count ->
    [one] { $n } lettre écrite jusqu’ici
   *[other] { $n } lettres écrites jusqu’ici
}
letter-to-title = Qui reçoit votre lettre
letter-greeting = Commence par « { $greeting } »
letter-about-title = Pourquoi nous écrivons
letter-jump = Écrire votre lettre
letter-form-title = Votre lettre
letter-button = Envoyer ma lettre
letter-next = Vous recevrez ensuite un courriel. Votre lettre part une fois que vous avez appuyé sur le bouton de la page indiquée.
letter-held = Nous recueillons les lettres en ce moment. La vôtre est gardée en lieu sûr et part le jour où la campagne commence.
letter-subject-hint = Choisissez une de nos suggestions ou écrivez la vôtre.
letter-message-hint = Vos propres mots comptent le plus. Changez tout ce que vous voulez. Nous ajoutons la formule d’appel, et votre nom sous le texte.
letter-message-hint-fixed = Ce texte est le même pour tout le monde. Nous ajoutons la formule d’appel, et votre nom sous le texte.
letter-city-hint = Les responsables répondent d’abord aux gens de leur région.
letter-show-email-label = Mettre mon adresse courriel dans la lettre, pour que le bureau puisse me répondre directement.
letter-show-email-hint = Si vous ne cochez pas cette case, le bureau reçoit une de nos adresses de réponse au lieu de la vôtre.
letter-sent-title = Ce qui est envoyé, et à qui
letter-sent-what = Votre nom, votre ville, votre code postal et votre texte sont envoyés à ces bureaux :
letter-sent-onward = Ce qu’un ministère reçoit peut être transmis à d’autres ministères, et nous ne pouvons pas le faire revenir.
letter-sent-email = Votre adresse courriel y est jointe seulement si vous cochez la case.
letter-data-seen = L’équipe organisatrice peut voir ce que vous saisissez. Le public voit seulement combien de lettres ont été écrites.
letter-protected-note = La lettre elle-même porte votre nom jusqu’aux bureaux ci-dessus. À part cela, personne n’apprend que vous avez écrit.

token-letter-confirm-heading = Envoyez votre lettre
token-letter-confirm-line-1 = Votre lettre pour « { $title } » est prête.
token-letter-confirm-line-2 = Rien ne part avant que vous appuyiez sur le bouton. Relisez encore une fois ce qui sera envoyé.
token-letter-confirm-button = Oui, envoyer ma lettre
token-letter-confirm-done-heading = Merci. Votre lettre est en route.
token-letter-confirm-done-line-1 = Nous envoyons les lettres à un rythme régulier, pour que chacune arrive. La vôtre peut prendre un peu de temps.
token-letter-confirm-done-line-held = Elle est gardée en lieu sûr et part le jour où la campagne commence.
token-letter-manage-heading = Votre lettre
token-letter-manage-line-1 = Vous avez écrit une lettre pour « { $title } ».
token-letter-manage-line-2 = Ce qui n’est pas encore parti peut être arrêté. Ce qui est parti ne peut pas revenir.
token-letter-manage-button = Arrêter ma lettre
token-letter-manage-done-heading = Votre lettre est arrêtée
token-letter-manage-done-line-1 = Plus rien ne part en votre nom. Ce qui était parti avant ne peut pas revenir.
letter-state-pending = En attente de votre confirmation
letter-state-held = Gardée jusqu’au début de la campagne
letter-state-queued = En attente d’envoi
letter-state-sent = Envoyée
letter-state-failed = N’a pas pu être livrée
letter-state-uncertain = Peut-être envoyée
letter-state-cancelled = Arrêtée
