skip-link = Aller au contenu principal
nav-home = Accueil
nav-languages = Langue
language-en = anglais
language-fr = français
language-es = espagnol
language-pa = pendjabi
footer-line = Ni pistage ni publicité. Nous ne conservons ni votre adresse IP ni de trace de votre appareil.
hosted-by = Organisation : { $name }
part-of = Campagne : { $title }
fallback-language = Ce texte n’est pas encore traduit. Langue affichée : { $language }.

home-lead = Signez une pétition. Venez à un événement. Écrivez aux personnes qui décident. Chaque personne compte.
home-campaigns = Nos campagnes
home-petitions = Pétitions
home-events = Événements à venir
home-letters = Écrire une lettre
home-empty = Aucune action n’est ouverte pour le moment. Revenez bientôt.

action-kind-petition = Pétition
action-kind-event = Événement
action-kind-letter = Lettre
action-go-campaign = Voir la campagne
action-go-petition = Lire et signer
action-go-event = Voir les détails et s’inscrire
action-go-letter = Écrire une lettre

status-draft = Brouillon
status-waitlist = Liste d’attente
status-closed = Fermé
status-paused = En pause
status-cancelled = Annulé
status-past = Terminé
status-won = Gagné
status-lost = Terminé
status-not_yet = Ouverture prochaine
standing-not_yet = Ouverture le { $date }.
standing-paused = Cette action est en pause. Revenez bientôt.
standing-closed = Cette action est fermée. Merci à toutes les personnes qui ont participé.
standing-won = Nous avons gagné! Merci à toutes les personnes qui ont participé.
standing-lost = Cette action est terminée. Nous n’avons pas gagné cette fois-ci. Merci à toutes les personnes qui ont participé.
standing-cancelled = Cette action a été annulée.
standing-since = Depuis le { $date }
preview-banner = Aperçu : seules les personnes qui ont ce lien voient cette page. Le formulaire ne peut pas être envoyé.

campaign-actions = Passez à l’action
campaign-updates = Actualités
campaign-chart = Chiffres clés
update-kind-news = Nouvelle
update-kind-win = Victoire
update-kind-deadline = Date limite
update-kind-draw = Ronde d’invitations
update-kind-press = Communiqué de presse
update-kind-story = Témoignage
update-source = Lire la source

optional = (facultatif)
form-errors-title = { $count ->
    [one] Il y a un problème avec une réponse
   *[other] Il y a un problème avec { $n } réponses
}
field-given_name = Prénom
field-family_name = Nom de famille
field-email = Adresse courriel
field-phone = Numéro de téléphone
field-postal_code = Code postal
field-city = Ville ou village
field-country = Pays
field-comments = Pourquoi signez-vous?
field-display = Afficher mon nom publiquement?
field-updates = Infolettre
field-party_size = Combien de personnes viendront, en vous comptant?
field-interpretation = Avez-vous besoin d’interprétation?
field-access_needs = Avez-vous des besoins en matière d’accessibilité?
field-subject = Objet
field-message = Votre lettre
field-show_email = Votre adresse courriel dans la lettre
field-website = Laissez ce champ vide
updates-label = Oui, abonnez-moi à l’infolettre de cette campagne. Je peux me désabonner en tout temps.

country-CA = Canada
country-US = États-Unis
country-MX = Mexique
country-GT = Guatemala
country-CO = Colombie
country-HT = Haïti
country-JM = Jamaïque
country-PH = Philippines
country-IN = Inde
country-PK = Pakistan
country-BD = Bangladesh
country-NG = Nigéria
country-FR = France
country-GB = Royaume-Uni
country-other = Un autre pays

data-title = Comment nous utilisons vos données
data-encrypted = Vos renseignements personnels sont conservés sous forme chiffrée. Nous ne conservons ni votre adresse IP ni de trace de votre appareil.
data-updates = Nous vous écrivons à d’autres sujets seulement si vous vous abonnez à l’infolettre.
data-protected-list = Cette liste est chiffrée avec sa propre clé et tenue à l’écart de nos autres listes. Nous détruisons la clé après la fin de l’action; plus personne ne peut alors lire la liste.
data-protected-mail = Nos courriels ne mentionnent pas leur sujet.
protected-badge = Confidentialité renforcée

challenge-title = Contrôle de sécurité rapide
challenge-wait = { $count ->
    [one] Cette page est très achalandée. Attendez 1 seconde, puis appuyez de nouveau sur le bouton. Ce que vous avez saisi reste dans le formulaire.
   *[other] Cette page est très achalandée. Attendez { $n } secondes, puis appuyez de nouveau sur le bouton. Ce que vous avez saisi reste dans le formulaire.
}
challenge-working = Votre appareil effectue un contrôle de sécurité. Vous n’avez rien à faire, et aucun renseignement sur vous n’est envoyé.
challenge-done = C’est fait. Vous pouvez appuyer sur le bouton.

received-title-email = Consultez vos courriels
received-title-none = Merci
received-email-1 = Nous avons reçu votre formulaire. Vous devriez recevoir un courriel de notre part d’ici quelques minutes. Ouvrez-le, suivez le lien et appuyez sur le bouton de la page pour confirmer.
received-email-petition = Votre signature compte seulement après votre confirmation.
received-email-event = Votre inscription est faite seulement après votre confirmation.
received-email-letter = Votre lettre est envoyée seulement après votre confirmation.
received-none-petition = Nous avons reçu votre signature. Le total public est mis à jour toutes les quelques minutes.
received-none-event = Nous avons reçu votre inscription.
received-none-letter = Nous avons reçu votre lettre.
received-spam = Aucun courriel après dix minutes? Vérifiez votre dossier de pourriels. S’il n’y est pas, vérifiez l’adresse saisie et envoyez de nouveau le formulaire.
received-same = Pour la sécurité de tout le monde, cette page est la même pour chaque personne : nul ne peut s’en servir pour savoir qui a participé.
received-back = Retour à « { $title } »
received-mailbox = Ouvrir la boîte de réception de démonstration

token-details = Vos renseignements
token-links = Autres options
token-share-title = Invitez une personne de votre entourage à signer
token-own-count = { $count ->
    [one] Vous êtes la première personne à signer.
   *[other] Avec vous, { $n } personnes ont signé.
}
token-not-me-link = Ce n’était pas moi
token-not-me-heading = Ce n’était pas vous?
token-not-me-line-1 = Quelqu’un a peut-être saisi votre adresse par erreur ou sans vous le demander.
token-not-me-line-2 = Appuyez sur le bouton et nous supprimons ce qui a été saisi. Rien n’a été compté ni envoyé en votre nom.
token-not-me-button = Ce n’était pas moi
token-not-me-never-again = Ne plus jamais écrire à cette adresse, peu importe qui la saisit
token-not-me-done-heading = C’est supprimé
token-not-me-done-line-1 = Rien n’a été compté ni envoyé en votre nom. Vous n’avez plus rien à faire.
token-neutral-confirm-heading = Veuillez confirmer
token-neutral-confirm-line-1 = Appuyez sur le bouton si vous avez demandé ceci. Sinon, fermez simplement cette page.
token-neutral-confirm-button = Confirmer
token-neutral-confirm-done-heading = Merci de votre confirmation
token-neutral-confirm-done-line-1 = Vous pouvez fermer cette page.
token-neutral-manage-heading = Votre demande
token-neutral-manage-line-1 = Appuyez sur le bouton si vous voulez retirer votre demande.
token-neutral-manage-button = Retirer ma demande
token-neutral-manage-done-heading = Votre demande est retirée
token-neutral-manage-done-line-1 = Vous pouvez fermer cette page.

detail-name = Nom
detail-email = Courriel
detail-phone = Téléphone
detail-postal_code = Code postal
detail-city = Ville
detail-country = Pays
detail-comments = Commentaire
detail-display = Affichage public du nom
detail-updates = Infolettre
detail-when = Quand
detail-place = Où
detail-party_size = Nombre de personnes
detail-interpretation = Interprétation
detail-access_needs = Besoins en matière d’accessibilité
detail-offices = Destinataires
detail-subject = Objet
detail-message = Lettre
detail-show_email = Courriel dans la lettre
detail-status = État
value-yes = Oui
value-no = Non

share-whatsapp = Partager sur WhatsApp
share-telegram = Partager sur Telegram
share-facebook = Partager sur Facebook
share-email = Partager par courriel
code-title = Confirmer avec un code
code-lead = Saisissez votre adresse courriel et le code de notre courriel.
code-hint = 8 lettres et chiffres
code-button = Confirmer
field-code = Code
my-title = Ma page
my-lead = Saisissez votre adresse courriel. Si elle a servi ici à signer, à s’inscrire ou à écrire, nous vous envoyons un lien vers une page où vous pouvez tout voir, modifier et supprimer.
my-button = M’envoyer le lien
my-asked-title = Consultez vos courriels
my-asked-lead = Si cette adresse a servi ici, un courriel avec le lien est en route. Tout le monde voit ce même message, pour que personne ne puisse savoir qui a participé.
own-display-link = Modifier l’affichage de mon nom
own-display-heading = Affichage de votre nom
own-display-line = Choisissez comment votre nom s’affiche avec votre signature de « { $title } ».
own-display-button = Enregistrer
own-display-done = C’est enregistré
own-data-link = Télécharger mes données
own-data-heading = Vos données
own-data-line = Téléchargez un fichier avec toutes les données que nous conservons sur vous.
own-data-button = Télécharger
own-delete-link = Supprimer mes données
own-delete-heading = Supprimer vos données
own-delete-line-1 = Nous supprimons toutes les données que nous conservons sur vous : nom et adresse, signatures, inscriptions aux événements, lettres, commentaires et consentements.
own-delete-line-2 = Vos signatures et les lettres envoyées restent dans les totaux, seulement comme nombre. Vos places reviennent à d’autres. Les lettres envoyées ne peuvent pas être rappelées.
own-delete-button = Supprimer mes données
own-delete-done-heading = Vos données sont supprimées
own-delete-done-line = Nous ne conservons plus aucune donnée sur vous.
own-signed = Pétition signée
own-registered = Inscription
own-wrote = Lettre écrite
share-bluesky = Partager sur Bluesky
share-x = Partager sur X
poster-scan-petition = Scannez pour signer
poster-scan-event = Scannez pour vous inscrire
poster-scan-letter = Scannez pour envoyer une lettre
update-told-by = Témoignage de { $name } (nom modifié)
update-media-contact = Contact pour les médias
