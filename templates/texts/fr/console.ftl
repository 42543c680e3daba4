console-title = Console d’organisation
console-sign-in-title = Connexion
console-sign-in-lead = Pour l’équipe organisatrice. Aucun compte n’est nécessaire pour appuyer une action.
console-email = Adresse courriel
console-password = Mot de passe
console-sign-in-button = Se connecter
console-sign-in-failed = Adresse courriel ou mot de passe incorrect.
console-sign-in-locked = Trop de tentatives. Attendez jusqu’à 15 minutes, ou utilisez un appareil sur lequel vous avez déjà ouvert une session.
console-sign-in-check = Il y a eu beaucoup de tentatives en peu de temps. Saisissez de nouveau votre mot de passe; nous le vérifierons après le contrôle de sécurité ci-dessous.
console-sign-out = Se déconnecter
console-signed-in-as = { $name } ({ $role })
role-owner = propriétaire
role-organizer = organisation
role-host = accueil
role-viewer = lecture seule
console-petitions = Pétitions
console-events = Événements
console-letters = Lettres
console-mail = File d’envoi
console-none = Aucun élément pour l’instant.
console-col-title = Titre
console-col-state = État
console-col-counted = Signatures
console-col-public = Total public
console-col-when = Quand
console-col-capacity = Capacité
console-col-accepted = Inscriptions
console-col-waitlisted = Liste d’attente
console-col-live = Envoi
console-col-written = Écrites
console-col-sent = Envoyées
console-col-failed = Échecs
console-col-list = Liste
console-col-actions = Actions possibles
console-col-class = Type
console-col-count = Courriels
console-col-oldest = Plus ancien
console-export = Exporter
console-export-named = Exporter : liste de « { $title } »
console-export-note = Une fois téléchargée, une liste n’est plus protégée par nous. Gardez-la chiffrée, ne la transmettez qu’aux personnes qui en ont besoin et supprimez-la dès que vous avez terminé.
console-protected-numbers = Les nombres des actions protégées changent une fois par jour et sont arrondis à la dizaine inférieure. Un nombre exact pourrait révéler qui a participé.
console-live-yes = Actif
console-live-no = En suspens
letters-releasing = Mises en file d’envoi : { $n }
letters-holding = Mises en suspens : { $n }
letters-failed = Opération non terminée. Enregistrez de nouveau l’action pour continuer.
console-unlimited = Illimitée
console-mail-empty = La file d’envoi est vide.
state-draft = Brouillon
state-published = Publiée
state-paused = En pause
state-closed = Fermée
state-won = Gagnée
state-lost = Non gagnée
state-cancelled = Annulée
mail-state-queued = En file
mail-state-sending = Envoi en cours
mail-state-sent = Envoyé
mail-state-failed = Échec
mail-state-uncertain = Livraison incertaine
mail-state-cancelled = Annulé
mail-state-bounced = Rejeté (rebond)
mail-state-complained = Signalé comme pourriel
mail-class-confirmation = Courriels de confirmation
mail-class-urgent = Changements urgents
mail-class-letter = Lettres aux responsables
mail-class-notice = Remerciements et rappels
mail-class-update = Infolettres

mailbox-title = Boîte de réception de démonstration
mailbox-lead = Mode démonstration : aucun courriel ne quitte cet ordinateur. Voici les courriels qui auraient été envoyés, du plus récent au plus ancien.
mailbox-empty = Aucun courriel pour l’instant. Signez une pétition : le courriel de confirmation apparaîtra ici.
mailbox-back = Retour à la boîte de réception
mailbox-to = À
mailbox-from = De
mailbox-reply-to = Répondre à
mailbox-date = Date d’envoi
mailbox-text = Texte brut
mailbox-html = Courriel mis en forme
mailbox-links = Liens dans ce courriel
mailbox-attachments = Pièces jointes
mailbox-headers = Tous les en-têtes

# one petition
console-back = Retour
console-page-previous = Page précédente
console-page-next = Page suivante
console-page-number = Page { $n } sur { $total }
console-not-saved = Vos modifications n’ont pas été enregistrées
console-not-saved-hint = Rien n’a changé. Utilisez le bouton Retour du navigateur pour retrouver le formulaire et ce que vous y avez saisi.
console-done = C’est fait.
console-would-change = { $count ->
    [one] Aperçu : { $n } signature serait modifiée.
   *[other] Aperçu : { $n } signatures seraient modifiées.
}
console-preview-link = Lien d’aperçu privé :
console-results = Résultats
console-public-total = Total public
console-live-total = Total en temps réel (interne)
console-paper-total = Signatures sur papier
console-goal = Objectif
console-verified = Dernière vérification des totaux
console-recount = Recalculer les totaux
console-by-source = Par code de provenance
console-by-region = Par province ou pays
console-status = État et calendrier
console-public-note = Note publique (affichée sur la page)
console-save = Enregistrer
console-history = Historique
console-goal-title = Objectif et jalons
console-milestones = Jalons personnalisés
console-raises-goal = Relever l’objectif automatiquement
console-picture = Image
console-picture-consent = Peut-on reconnaître des personnes? Obtenez d’abord le consentement de chacune : une photo de rassemblement peut servir à identifier des gens. Nous retirons du fichier le lieu et l’heure.
console-alt = Description de l’image (texte de remplacement)
console-file-picture = Fichier image (JPEG, PNG ou WebP)
console-upload = Téléverser
console-held = Signatures à vérifier
console-held-none = Aucune signature à vérifier.
console-held-count = { $count ->
    [one] { $n } signature à vérifier.
   *[other] { $n } signatures à vérifier.
}
console-col-why = Motif
console-col-who = Nom
console-review-counted = Approuver
console-review-invalid = Rejeter
suspicion-network = Plusieurs du même réseau
suspicion-domain = Plusieurs du même domaine de courriel
suspicion-form = Semble automatisée
suspicion-organizer = Retenue par l’équipe organisatrice
console-bulk = Vérification en lot
console-bulk-hint = Indiquez ce que les signatures ont en commun. Une signature est retenue seulement si elle répond à tous les champs remplis. Affichez d’abord l’aperçu : rien ne change tant que « Aperçu seulement » est coché, et vous pouvez annuler.
console-action = Action à effectuer
effect-invalidate = Rejeter les signatures
effect-release = Approuver les signatures à vérifier
console-bulk-domain = Domaine de courriel
console-bulk-name = Nom
console-bulk-country = Code du pays
console-bulk-source = Code de provenance
console-bulk-network = Même réseau que la signature (identifiant)
console-reason = Motif (interne)
console-run = Exécuter
console-jobs = Vérifications en lot
console-progress = Avancement
console-changed = modifiées : { $n }
console-cancel = Arrêter
console-undo = Annuler
job-running = En cours
job-done = Terminée
job-cancelled = Arrêtée
job-undoing = Annulation en cours
job-undone = Annulée
job-failed = Échouée
job-error-internal = Une étape a échoué sur notre serveur.
job-error-panicked = Une étape s’est interrompue sur notre serveur.
job-error-too_slow = Une étape a pris trop de temps.
job-error-worker_died = Le serveur s’est arrêté au milieu d’une étape.
job-error-vault_closed = Les données de ces personnes ne peuvent plus être déchiffrées.
job-error-too_long = Une ligne est trop longue, ou un guillemet n’y est jamais fermé.
job-error-unreadable = Une partie du fichier manque ou ne peut pas être ouverte.
job-error-not_understood = La demande ne peut plus être lue. Recommencez.
job-retry = Nouvelle tentative en cours ({ $n } sur 10 jusqu’ici).
console-comments = Commentaires à modérer
console-comments-none = Aucun commentaire à modérer.
console-comments-count = { $count ->
    [one] { $n } commentaire à modérer.
   *[other] { $n } commentaires à modérer.
}
console-comment-shown = Publier
console-comment-hidden = Masquer
console-import = Importer des signatures (CSV ou Excel)
console-import-hint = Un fichier CSV ou un classeur Excel (.xlsx) avec une ligne d’en-tête. Importez seulement les personnes qui ont accepté de signer cette pétition. Commencez par un essai : chaque ligne est vérifiée et rien n’est enregistré.
console-import-separator = Séparateur
console-import-assumed = Lu en { $encoding }, séparé par « { $separator } ».
console-import-sheet = Lu dans la feuille « { $sheet } ».
import-dates-day_first = Les dates comme 03/04/2026 sont lues avec le jour d’abord : 3 avril.
import-dates-month_first = Les dates comme 03/04/2026 sont lues avec le mois d’abord : 4 mars.
console-import-encoding = Encodage
console-import-preview = Premières lignes
console-import-again = Si ce n’est pas juste, importez le fichier de nouveau en choisissant le séparateur et l’encodage.
file-empty = Le fichier est vide.
file-header-too-long = La ligne d’en-tête est trop longue.
file-too-many-columns = Le fichier a plus de 1 000 colonnes. Supprimez celles qui ne servent pas.
file-no-header = La première ligne contient une adresse de courriel. Ajoutez avant elle une ligne avec les noms des colonnes.
file-not-utf8 = Ce fichier n’est pas en UTF-8. Enregistrez-le au format « CSV UTF-8 » ou en classeur Excel (.xlsx).
file-not-text = Ce n’est pas un fichier texte. Enregistrez-le au format « CSV UTF-8 » ou en classeur Excel (.xlsx).
file-old-excel = C’est un classeur d’un ancien Excel (.xls). Enregistrez-le en classeur Excel (.xlsx) ou au format « CSV UTF-8 ».
file-password = Ce classeur est protégé par un mot de passe. Enregistrez une copie sans mot de passe.
file-binary-excel = C’est un classeur binaire (.xlsb). Enregistrez-le en classeur Excel (.xlsx) ou au format « CSV UTF-8 ».
file-open-document = C’est un classeur LibreOffice (.ods). Enregistrez-le en classeur Excel (.xlsx) ou au format « Texte CSV ».
file-numbers = C’est un classeur Numbers. Exportez-le vers Excel (.xlsx) ou en CSV.
file-archive = C’est une archive ou un classeur illisible. Si c’est une archive, décompressez-la et envoyez la liste elle-même. Sinon, ouvrez le classeur et enregistrez la feuille au format « CSV UTF-8 ».
file-workbook-too-large = Ce classeur est trop volumineux. Enregistrez la feuille qui contient la liste au format « CSV UTF-8 » et envoyez ce fichier.
file-pdf = C’est un PDF. Envoyez le tableau lui-même, en classeur Excel (.xlsx) ou en CSV.
file-cards = C’est un carnet d’adresses ou un calendrier. Exportez plutôt les contacts en CSV.
file-web-page = C’est une page web ou du XML. Enregistrez le tableau au format « CSV UTF-8 » ou en classeur Excel (.xlsx).
console-file-csv = Fichier CSV ou classeur
console-test-run = essai
import-uploading = Téléversement en cours
import-uploaded = Téléversé
import-running = En cours
import-checked = Vérifié
import-done = Importé
import-cancelled = Arrêté
import-failed = Échec
console-import-numbers = { $lines } lignes : { $imported } nouvelles, { $duplicates } déjà signées, { $refused } rejetées.
console-rejected-lines = Lignes rejetées (CSV)
console-mapping = Associer les colonnes
import-field-email = Courriel
import-field-given-name = Prénom
import-field-family-name = Nom de famille
import-field-phone = Téléphone
import-field-postal-code = Code postal
import-field-city = Ville
import-field-country = Pays
import-field-language = Langue
import-field-comments = Commentaire
import-field-signed-on = Date de signature
import-field-consent-updates = Abonnement à l’infolettre (oui ou non)
import-field-date-order = Ordre dans les dates comme 03/04/2026
import-date-day_first = Jour d’abord : 3 avril
import-date-month_first = Mois d’abord : 4 mars
console-import-wording = Texte exact du consentement
console-paper = Signatures sur papier
console-paper-reference = Référence du lot
console-paper-sheets = Feuilles
console-remove = Supprimer
console-add = Ajouter
console-clicks = { $count ->
    [one] { $n } clic
   *[other] { $n } clics
}
console-short-link = Nouveau lien court : /go/…
console-source-hint = Un code de provenance indique d’où vient une signature : { $url }?source=code. Les codes absents de cette liste comptent comme « other ».
console-source-new = Nouveau code de provenance
console-deliveries = Remise de la pétition
delivery-planned = Prévue
delivery-delivered = Remise
console-not-locked = Le décompte final n’est pas encore verrouillé.
console-public-page = Page publique
console-print-sheet = Imprimer la fiche de remise
console-lock-count = Verrouiller le décompte final
console-mark-delivered = Marquer comme remise
console-note = Note
console-spam-protection = Protection antipourriel
console-spam-protection-hint = S’applique à toutes les pétitions. Les signatures au-delà d’une limite sont mises à vérifier, jamais perdues.
console-per-network = Maximum de signatures par heure d’un même réseau
console-per-domain = Maximum de signatures par heure d’un même domaine de courriel
console-min-form-seconds = Temps minimal pour remplir le formulaire (secondes)
console-signing-paused = Mettre en pause la signature de toutes les pétitions
console-breakdowns-paused = Masquer les statistiques publiques
console-allowlist = Liste d’autorisation
console-allowlist-hint = Réseaux et domaines de courriel où beaucoup de personnes signent en même temps, comme les refuges, les locaux syndicaux et les campus. Les limites par heure ne s’y appliquent pas.
console-network = Réseau
sheet-names = Noms
sheet-names-note = Signataires qui ont accepté que leur nom soit remis. Les autres sont compris dans le décompte ci-dessus, sans leur nom.
state-archived = Archivée
state-ended = Terminée

# retention
console-retention = Conservation des données
console-retention-status = Fin des données personnelles d’ici 30 jours : { $ahead } · en retard : { $overdue }
console-retention-default = Durée de conservation des données personnelles
console-retention-default-hint = Pour les actions sans confidentialité renforcée et sans date qui leur est propre. La durée compte à partir de la fin de l’événement ou de la fermeture de l’action. Ensuite, tout ce qui concerne les personnes qui ont participé est supprimé; les totaux restent.
console-retention-months = Mois après la fin d’une action
console-last-day = Dernier jour des données personnelles
console-last-day-none = Aucun tant que l’action est ouverte
console-destroy = Supprimer les données maintenant
console-destroy-named = Supprimer maintenant les données de « { $title } »
console-destroy-hint = Tout ce qui concerne les personnes qui ont participé est supprimé, et personne ne peut plus participer. Les totaux restent. C’est irréversible.
console-destroy-protected = La clé de cette liste est détruite en premier : en moins d’une minute, plus personne ne peut la lire, même dans les sauvegardes.
console-destroy-standard = Les copies dans les sauvegardes restent lisibles jusqu’à la suppression de celles-ci.
console-destroy-slug = Pour confirmer, saisissez { $slug }
console-destroy-button = Supprimer les données maintenant

# mail and broadcasts
console-mail-delivery = État des envois
console-mail-paused = En pause : { $what }.
console-mail-restored = Cette base de données a été restaurée à partir d’une sauvegarde. Les courriels envoyés depuis la sauvegarde partiraient de nouveau : vérifiez la file avant de reprendre l’envoi.
console-mail-unverified = Muster ne peut pas savoir si des courriels ont été envoyés après la création de cette copie de la base de données. Vérifiez la file; reprenez l’envoi seulement si c’est la copie la plus récente.
console-mail-other-database = Ceci est une copie de la base de données sur un autre serveur. Les courriels envoyés par l’original partiraient en double : reprenez l’envoi seulement si l’original n’envoie plus rien.
console-mail-refused = Le serveur refuse notre compte depuis le { $since }; prochaine tentative : { $at }. { $words }
console-mail-held = en attente de la limite horaire
console-mail-first-limited = Les courriels de premier contact ont atteint la limite de { $n } pour cette heure. Les autres attendent l’heure suivante. Vérifiez si quelqu’un abuse d’un formulaire.
console-mail-sent-hour = Envoyés depuis une heure
console-mail-late = En retard de plus d’une heure
console-mail-uncertain = Lettres à la livraison incertaine
console-mail-first = Courriels de premier contact pour cette heure
console-mail-queue = File
console-mail-pauses = Mettre en pause et reprendre
console-mail-pauses-hint = Prend effet immédiatement pour toute l’installation. Les courriels en cours d’envoi partent quand même.
console-mail-pause = Mettre en pause : { $what }
console-mail-resume = Reprendre : { $what }
mail-scope-everything = tous les courriels
mail-scope-confirmation = courriels de confirmation
mail-scope-urgent = changements urgents
mail-scope-letter = lettres aux responsables
mail-scope-notice = remerciements et rappels
mail-scope-update = infolettres
console-mail-problems = Échecs, rebonds et livraisons incertaines
console-mail-problems-none = Aucun.
console-mail-problems-count = { $count ->
    [one] { $n } courriel.
   *[other] { $n } courriels.
}
console-mail-uncertain-hint = Une lettre à la livraison incertaine est peut-être arrivée. Si vous la renvoyez, sa ou son destinataire pourrait la recevoir deux fois.
console-mail-retry = Réessayer
console-mail-retry-all = Réessayer tous les envois échoués
console-mail-retried = { $count ->
    [one] { $n } courriel sera renvoyé.
   *[other] { $n } courriels seront renvoyés.
}
console-mail-mailboxes = Boîtes courriel des responsables
console-mail-mailboxes-none = Aucune lettre en attente, aucune boîte en pause.
console-mail-waiting = { $count ->
    [one] { $n } lettre en attente
   *[other] { $n } lettres en attente
}
mailbox-paused-bounced = En pause : une lettre a été rejetée. Vérifiez l’adresse, corrigez le bureau, puis reprenez l’envoi.
mailbox-paused-complained = En pause : une lettre a été signalée comme pourriel. Communiquez avec le bureau avant de reprendre l’envoi.
mailbox-paused-unknown_time_zone = En pause : ce serveur ne connaît pas le fuseau horaire de la boîte. Indiquez de nouveau ses heures avec un fuseau comme America/Toronto.
console-mail-rate = Lettres par heure
console-mail-burst = Rafale maximale
console-mail-from = Envoyer chaque jour à partir de (vide : à toute heure)
console-mail-until = Jusqu’à
console-mail-zone = Fuseau horaire
console-mail-relays = Serveurs d’envoi
console-mail-relays-hint = Nombre maximal de courriels par heure et par serveur. Laissez vide pour ne fixer aucune limite.
console-mail-providers = Par fournisseur de courriel, 7 derniers jours
console-mail-provider = Fournisseur
console-mail-other = Tous les autres
console-broadcasts = Infolettres
console-broadcasts-hint = Envoyées seulement aux personnes qui ont participé aux actions choisies et se sont abonnées. Chaque courriel contient un lien de désabonnement en un clic.
console-broadcasts-none = Aucune infolettre pour l’instant.
console-broadcast-counting = Calcul du nombre de destinataires…
console-broadcast-counted = Destinataires comptés le
console-broadcast-new = Nouvelle infolettre
console-broadcast-save-draft = Enregistrer le brouillon
console-broadcast-text = Contenu et destinataires
console-broadcast-language = Ajouter une traduction : { $lang }
console-broadcast-send-title = Envoyer
console-broadcast-recipients = { $count ->
    [one] { $n } destinataire pour le moment
   *[other] { $n } destinataires pour le moment
}
console-broadcast-schedule = Planifier l’envoi (UTC; laissez vide pour envoyer maintenant)
console-broadcast-due = Envoi planifié
console-broadcast-send = Envoyer
console-broadcast-test = M’envoyer un essai
console-broadcast-pause = Mettre l’envoi en pause
console-broadcast-resume = Reprendre l’envoi
console-broadcast-cancel = Annuler les courriels restants
console-subject = Objet
console-text = Message
console-recipients = Destinataires
console-audience-regions = Province ou pays (p. ex. CA-ON; un par ligne)
console-audience-tags = Étiquettes de personnes (une par ligne)
broadcast-draft = Brouillon
broadcast-scheduled = Planifiée
broadcast-sending = Envoi en cours
broadcast-paused = En pause
broadcast-done = Envoyée
broadcast-cancelled = Annulée
broadcast-failed = Échec
recipient-waiting = En attente
recipient-queued = En file
recipient-sent = Envoyés
recipient-failed = Échecs
recipient-uncertain = Livraison incertaine
recipient-cancelled = Non envoyés
recipient-bounced = Rejetés (rebonds)
recipient-complained = Signalés comme pourriel

# frame and forms
nav-console = Console de gestion
nav-menu = Navigation
nav-new = Nouveau
nav-overview = Aperçu
nav-campaigns = Campagnes
nav-updates = Actualités
nav-people = Personnes
nav-email = Courriel
nav-settings = Paramètres
nav-offices = Bureaux
nav-sources = Codes de provenance
nav-partners = Organisations partenaires
new-campaign = Nouvelle campagne
new-petition = Nouvelle pétition
new-event = Nouvel événement
new-letter = Nouvelle lettre
new-office = Nouveau bureau
new-update = Nouvelle actualité
new-broadcast = Nouvelle infolettre
edit-campaign = Modifier la campagne
edit-petition = Modifier la pétition
edit-event = Modifier l’événement
edit-letter = Modifier la lettre
edit-office = Modifier le bureau
edit-update = Modifier l’actualité
edit-broadcast = Modifier l’infolettre
empty-campaigns = Aucune campagne pour le moment. Une campagne réunit pétitions, événements et lettres sur une page. Commencez par elle.
empty-petitions = Aucune pétition pour le moment. Créez-en une. Elle reste un brouillon tant que vous ne la publiez pas.
empty-events = Aucun événement pour le moment. Créez-en un. On peut s’inscrire dès sa publication.
empty-letters = Aucune lettre pour le moment. Ajoutez les bureaux destinataires, puis créez une lettre.
empty-offices = Aucun bureau pour le moment. Ajoutez ceux à qui vos lettres s’adressent.
empty-updates = Aucune actualité pour le moment. Racontez ce qui s’est passé dans votre campagne.
steps-title = Votre première campagne
steps-campaign = Créer une campagne
steps-petition = Ajouter une pétition, un événement ou une lettre
steps-office = Ajouter les bureaux destinataires des lettres
steps-publish = Publier votre pétition et la partager
steps-done = Fait
ready-title = Ce qui manque encore
ready-no-text = Il n’y a pas de texte de pétition.
ready-no-target = Aucune personne qui décide n’est nommée.
ready-no-goal = Il n’y a pas d’objectif.
ready-no-end = Il n’y a pas de date de fin.
ready-no-place = Il n’y a pas de lieu.
ready-no-join-link = Il n’y a pas de lien pour participer en ligne.
ready-no-accessibility = Rien n’est dit sur l’accessibilité.
ready-no-offices = Aucun bureau n’est choisi.
ready-no-letter = Il n’y a pas de texte de lettre.
ready-not-live = Les lettres attendent. L’envoi n’est pas activé.
ready-no-summary = Il n’y a pas de résumé.
ready-languages = Pas de traduction : { $languages }.
act-pause = Mettre en pause
act-resume = Reprendre
act-close = Fermer
act-reopen = Rouvrir
act-go-live = Commencer l’envoi des lettres
act-hold = Retenir les lettres
act-revoke-previews = Révoquer les liens d’aperçu
act-delete-image = Supprimer l’image
people-search = Trouver une personne
people-search-hint = Entrez une adresse courriel complète ou une étiquette. Les noms sont chiffrés. On ne peut pas les chercher.
people-search-button = Chercher
people-none = Aucun résultat.
mail-waiting-list = Courriels en file d’attente
form-required = (obligatoire)
form-add-row = Ajouter une entrée
form-zone = Les heures sont celles du fuseau { $zone }.
form-create = Créer
form-edit = Modifier
form-publish = Publier
form-archive = Archiver
form-duplicate = Dupliquer
form-preview = Voir l’aperçu
form-more = Plus
form-more-status = État, note et dates
form-draft-hint = Un brouillon est enregistré. Seule l’équipe organisatrice le voit avant la publication.
form-title = Titre
form-campaign = Campagne
form-campaign-hint = Une campagne a une page publique avec ses pétitions, événements, lettres et actualités.
form-language = Langue principale
form-language-hint = La langue des textes ci-dessous. Ajoutez d’autres langues avec les boutons ci-dessus.
form-summary = Résumé
form-summary-hint = Une ou deux phrases, affichées dans les listes et lors des partages.
form-description = Présentation
form-markdown-hint = Laissez une ligne vide entre les paragraphes. **gras**, [texte du lien](https://…).
form-petition-text = Texte de la pétition
form-petition-text-hint = Ce que les gens signent.
form-demands = Revendications
form-lines-hint = Une entrée par ligne.
form-targets = Personnes qui décident, à qui elle s’adresse
form-group-page = Page, partage et courriel de remerciement
form-button = Texte du bouton
form-share = Texte de partage
form-thanks = Courriel de remerciement
form-thanks-hint = Ce que dit le courriel envoyé après la participation. Laissez vide pour le texte habituel.
form-hosted-by = Organisation responsable
form-slug = Adresse Web (dernière partie)
form-slug-hint = Lettres minuscules, chiffres et traits d’union. Laissez vide pour la tirer du titre. Après un changement, l’ancienne adresse mène à la nouvelle.
form-next-action = Action suivante
form-next-action-hint = Où mène la page une fois cette action fermée.
form-group-privacy = Confidentialité et données
form-privacy = Confidentialité
form-privacy-standard = Normale
form-privacy-protected = Confidentialité renforcée
form-privacy-hint = Avec la confidentialité renforcée, la liste a sa propre clé, détruite le dernier jour. On ne peut pas changer ce choix plus tard.
form-confirmation = Confirmation par courriel
form-confirmation-email = Demander une confirmation
form-confirmation-none = Sans confirmation
form-confirmation-hint = Sans confirmation, n’importe qui peut entrer n’importe quelle adresse. On ne peut pas changer ce choix plus tard.
form-last-day-hint = Après ce jour, tout ce qui concerne les personnes participantes est supprimé. Laissez vide pour la durée habituelle.
form-group-schedule = Ouverture et fermeture
form-opens = Ouverture
form-opens-hint = Laissez vide pour ouvrir dès la publication.
form-closes = Fermeture
form-closes-hint = Laissez vide pour rester ouvert.
form-milestones-hint = Nombres de signatures, séparés par des virgules.
form-group-form = Ce que le formulaire demande
form-requirement-off = Non demandé
form-requirement-optional = Facultatif
form-requirement-required = Obligatoire
form-letter = Lettre envoyée aussi par la signature
form-letter-hint = On ne peut pas changer ce choix plus tard.
form-shares-addresses = Les personnes d’un même ménage peuvent signer avec la même adresse courriel
form-shows-breakdowns = Afficher au public les statistiques par région
form-keeps-contacts = Garder les noms et les adresses courriel après la confirmation
form-group-questions = Vos propres questions
form-question = Question posée
form-question-label = Question telle qu’elle est lue
form-question-key = Nom dans les téléchargements
form-question-key-hint = Lettres minuscules, chiffres et _.
form-question-kind = Type de réponse
form-question-kind-text = Texte
form-question-kind-choice = Une réponse parmi plusieurs
form-question-kind-checkbox = Oui ou non (case à cocher)
form-question-choices = Réponses au choix
form-question-choices-hint = Une par ligne, par exemple member = Je suis membre | en = I am a member
form-question-required = Réponse obligatoire
form-event-kind = Type d’événement
form-starts = Début
form-ends = Fin
form-ends-hint = Deux heures après le début si ce champ est vide.
form-format = En personne ou en ligne
form-format-in_person = En personne
form-format-online = En ligne
form-format-hybrid = Les deux
form-group-place = Lieu
form-venue = Nom du lieu
form-address = Rue et numéro
form-region = Province ou État
form-region-hint = Par exemple ON ou QC.
form-country-hint = Deux lettres, par exemple CA.
form-map = Lien vers une carte
form-map-hint = Une adresse Web qui commence par https://
form-group-registration = Inscription
form-capacity = Capacité (places)
form-capacity-hint = Laissez vide s’il n’y a pas de limite.
form-waitlist = Tenir une liste d’attente si c’est complet
form-waitlist-smaller = Un petit groupe peut passer devant un plus grand sur la liste d’attente
form-instructions = Comment participer
form-instructions-hint = Le lien pour participer, par exemple. Envoyé seulement aux personnes inscrites, jamais sur une page publique.
form-accessibility = Accessibilité
form-accessibility-hint = Marches, ascenseur, langue des signes, garde d’enfants, pièce calme.
form-interpretation = Langues d’interprétation
form-interpretation-hint = Un code de langue par ligne, par exemple es ou pa.
form-group-programme = Programme
form-session = Séance
form-repeats = Répétition
form-repeats-hint = Comme dans un fichier de calendrier, par exemple FREQ=WEEKLY;COUNT=6.
form-group-contacts = Personnes-ressources
form-contact = Personne-ressource
form-offices = Bureaux
form-offices-hint = Chaque lettre va à tous les bureaux choisis.
form-group-letter = La lettre
form-letter-text = Texte de la lettre
form-letter-subjects = Objets
form-letter-subjects-hint = Un par ligne. Chaque lettre en prend un.
form-letter-body = Texte
form-letter-body-hint = Les variables sont entre doubles accolades, par exemple target.salutation, target.name, target.title.
form-editable = Les personnes peuvent modifier le texte
form-live = Envoyer les lettres aux responsables
form-live-hint = D’ici là, les lettres sont écrites et attendent.
form-live-true = En cours d’envoi
form-live-false = En attente
form-letters-held = Lettres en attente
form-office = Bureau
form-office-hint = Un bureau reste quand son titulaire change. Les lettres vont à la personne en poste à ce moment.
form-office-title = Nom du bureau
form-office-title-hint = Par exemple Ministre de l’Immigration.
form-mailboxes = Adresses courriel
form-mailboxes-hint = Une par ligne. Les lettres vont à la première, les autres reçoivent une copie.
form-honorific = Titre de civilité
form-honorific-hint = Par exemple L’honorable.
form-holder-given-name = Prénom de la personne responsable
form-holder-family-name = Nom de la personne responsable
form-holder-hint = Laissez les trois champs vides si le bureau est vacant.
form-official = Ajouter une personne responsable
form-official-hint = Pour une personne qui a occupé ou occupera un bureau. Celle en poste s’inscrit avec le bureau.
form-group-term = Mandat
form-term-start = Premier jour
form-term-end = Dernier jour
form-update-hint = Les actualités figurent sur la page de la campagne, la plus récente d’abord.
form-update-kind = Type d’actualité
form-group-figures = Chiffres pour un graphique
form-figure = Chiffre
form-figure-series = Nom de la série
form-figure-value = Valeur
form-figure-unit = Unité
form-source-url = Lien vers la source
form-group-press = Communiqué de presse
form-media-contact = Contact pour les médias
form-quote = Citation
form-quote-text = Propos
form-quote-by = Qui l’a dit
form-embargo = Pas public avant
form-group-story = Récit d’une personne
form-pseudonym = Nom sous lequel il est raconté
form-consent-scope = Où la personne accepte qu’il soit montré
form-consent-scope-hint = Par exemple ce site et des dépliants, sans photo.
form-consent-day = Jour du consentement
form-broadcast-text-hint = La salutation est ajoutée pour vous. Laissez une ligne vide entre les paragraphes.
form-audience-actions = Personnes qui ont participé à
form-group-audience = Restreindre
form-audience-locales = Langue de préférence
form-audience-sources = Code de provenance
form-broadcast-language = Langue pour toutes les autres personnes
form-broadcast-send = Vérifier et envoyer
form-broadcast-send-hint = Envoyez-vous d’abord un essai. On ne peut pas rappeler un courriel envoyé.
form-broadcast-at = Envoyer à
form-broadcast-at-hint = Laissez vide pour envoyer maintenant.
form-first-contacts = Limiter les courriels de premier contact
form-first-contacts-hint = Pour toute l’installation. Laissez vide pour la limite habituelle.
form-per-hour = Courriels par heure
form-unsuppress = Débloquer une adresse
form-unsuppress-hint = Pour une adresse rejetée qui fonctionne de nouveau. On n’indique à personne si elle était bloquée.
form-person-new = Ajouter une personne
form-person-new-hint = Seulement des personnes qui y ont consenti. Elles choisissent elles-mêmes l’infolettre.
form-person-edit = Modifier la personne
form-person-delete = Supprimer les données de cette personne
form-person-delete-hint = Tout ce qui dit qui est cette personne sera supprimé. Les totaux restent. On ne peut pas annuler.
form-confirm = Confirmation du geste
form-confirm-hint = Pour confirmer, tapez { $word }
form-confirm-word = SUPPRIMER
form-tags = Étiquettes
form-languages-spoken = Langues parlées
form-group-address = Adresse postale
form-identifiers = Identifiants
form-registrations = Inscriptions
form-registration = Inscription
form-registration-new = Inscrire une personne
form-registration-new-hint = Pour les personnes inscrites par téléphone ou en personne. Elles reçoivent le courriel habituel.
form-registration-cancel = Annuler l’inscription
form-party-size = Nombre de personnes
form-access-needs = Besoins en matière d’accessibilité
form-short-link = Nouveau lien court
form-short-links = Liens courts
form-word-hint = Lettres minuscules, chiffres et traits d’union.
form-bulk-after = À partir de
form-bulk-before = Jusqu’à
form-dry-run = Aperçu seulement
form-dry-run-hint = Compte ce qui changerait, sans rien changer.
form-import-new = Importer un fichier
form-separator-hint = Laissez vide pour le reconnaître.
form-mapping-hint = Choisissez la colonne du fichier pour chaque renseignement. Laissez vide ce que le fichier n’a pas.
form-test-run = Essai
form-test-run-hint = Vérifie chaque ligne et n’enregistre rien.
form-paper-new = Ajouter des signatures sur papier
form-delivery-new = Prévoir une remise
form-allow-hint = Remplissez un domaine ou un réseau.
form-network-hint = Par exemple 203.0.113.0/24.
form-source-hint = Un code de provenance dit d’où vient une signature. Les codes absents de cette liste comptent comme « autre ».
form-partner = Organisation partenaire
form-partner-new = Nouvelle organisation partenaire
form-partner-hint = Les partenaires reçoivent les coordonnées des personnes qui y consentent dans le formulaire, et ont leur propre code de provenance.
form-partner-name = Nom de l’organisation
form-partner-wording = Texte du consentement
form-partner-wording-hint = La phrase à côté de la case du formulaire.

# frame and forms
form-mailbox = Boîte de la personne responsable
form-relay = Serveur d’envoi
form-paused = En pause, rien n’est envoyé

# frame and forms
console-refresh = Actualiser
form-other-session = Une nouvelle session a commencé depuis l’ouverture de ce formulaire. Vérifiez-le, puis enregistrez-le de nouveau.
signed-out-title = Votre session a pris fin
signed-out-hint = Ce que vous avez écrit est gardé sur cette page. Connectez-vous dans un nouvel onglet, puis revenez ici et continuez.
signed-out-continue = Continuer

# lists of those who took part
signature-state-pending = Non confirmée
signature-state-counted = Comptée
signature-state-duplicate = En double
signature-state-quarantined = En attente de vérification
signature-state-invalid = Rejetée
signature-state-withdrawn = Retirée
comment-state-none = Aucun commentaire
comment-state-waiting = À modérer
comment-state-shown = Publié
comment-state-hidden = Masqué
outreach-state-held = En attente du lancement
outreach-state-queued = En file d’attente
outreach-state-sent = Envoyée
outreach-state-failed = Échec
outreach-state-uncertain = Livraison incertaine
outreach-state-bounced = Retournée
outreach-state-cancelled = Annulée
participants-open = Liste des personnes
participants-filter = Filtrer
participants-clear = Effacer le filtre
participants-any = Tous
participants-all = { $count ->
    [one] { $n } en tout
   *[other] { $n } en tout
}
participants-matching = { $count ->
    [one] { $n } correspond au filtre
   *[other] { $n } correspondent au filtre
}
participants-review = Les vérifier tous selon une règle
participants-none = Personne n’a encore participé. Partagez la page publique pour joindre les premières personnes.
participants-none-match = Rien ne correspond à ce filtre.
participants-hidden = { $n } personnes. Leur identité est masquée : votre rôle ne permet pas de lire les coordonnées.
participants-protected = Cette action a la confidentialité renforcée : les noms, les adresses et les provenances ne sont montrés à personne.
participants-nobody = Non affiché
participants-place = Lieu
participants-choose = Choisir
participants-decide = Pour les éléments choisis
participants-continue = Continuer
participants-partial = La recherche s’est arrêtée avant que cette page soit pleine. Passez à la page suivante pour la poursuivre.
participants-page = Page nº { $n }
participants-pages = Pages de la liste
decide-hint = Les totaux et les pages suivront. Vous pourrez le modifier plus tard, sauf ce que les personnes ont retiré elles-mêmes.
decide-hold = Mettre en attente de vérification
decide-comment-shown = Publier le commentaire
decide-comment-hidden = Masquer le commentaire
decide-counted = { $count ->
    [one] Approuver { $n } signature?
   *[other] Approuver { $n } signatures?
}
decide-quarantined = { $count ->
    [one] Mettre { $n } signature en attente?
   *[other] Mettre { $n } signatures en attente?
}
decide-invalid = { $count ->
    [one] Rejeter { $n } signature?
   *[other] Rejeter { $n } signatures?
}
decide-comments-shown = { $count ->
    [one] Publier { $n } commentaire?
   *[other] Publier { $n } commentaires?
}
decide-comments-hidden = { $count ->
    [one] Masquer { $n } commentaire?
   *[other] Masquer { $n } commentaires?
}
decide-cancel = { $count ->
    [one] Annuler { $n } inscription? Les places libres vont à la liste d’attente, et la personne reçoit un courriel.
   *[other] Annuler { $n } inscriptions? Les places libres vont à la liste d’attente, et chaque personne reçoit un courriel.
}
decide-changed = { $count ->
    [one] { $n } modification.
   *[other] { $n } modifications.
}

# audit log
audit-title = Journal d’audit
audit-hint = Qui a fait quoi, et quand. Il ne contient aucune donnée personnelle des personnes solidaires, et nul ne peut le modifier sans que cela se voie.
audit-export = Exporter (CSV)
audit-verify = Vérifier le journal
audit-whole = { $count ->
    [one] Le journal est intact : { $n } entrée, aucune modifiée, supprimée ni ajoutée après coup.
   *[other] Le journal est intact : { $n } entrées, aucune modifiée, supprimée ni ajoutée après coup.
}
audit-not-whole = Le journal n’est pas tel qu’il a été écrit. Parlez à la personne qui gère ce serveur.
audit-head = Somme de contrôle de l’entrée la plus récente, à garder ailleurs :
audit-who = Qui
audit-what = Quoi
audit-object = Objet
audit-token = Jeton d’API
audit-system = Système
audit-count = { $count ->
    [one] { $n } entrée
   *[other] { $n } entrées
}
audit-area-accounts = Connexion et équipe
audit-area-contacts = Coordonnées lues ou exportées
audit-area-people = Personnes et vérification
audit-area-petitions = Pétitions et remises
audit-area-events = Événements
audit-area-letters = Lettres et bureaux
audit-area-mail = Courriels
audit-area-settings = Campagnes et réglages

# saved filters
saved-title = Filtres enregistrés
saved-name = Nom de ce filtre
saved-hint = Toute votre organisation le voit. Les adresses et les noms de personnes ne sont jamais enregistrés.
saved-save = Enregistrer le filtre

# exports
export-title = Exportations
export-which = Listes
export-choose = Choisissez une liste.
export-list-signatures = Signatures
export-list-attendances = Inscriptions
export-list-outreaches = Lettres
export-list-people = Personnes
export-list-consents = Consentements
export-action = Action
export-format = Format
console-export-csv = CSV (pour tableurs)
console-export-xlsx = Classeur Excel (XLSX)
console-export-jsonl = JSON Lines (pour programmes)
export-usual = États habituels
export-columns = Colonnes
export-partner = Pour une organisation partenaire
export-partner-hint = Un partenaire ne reçoit que les personnes qui y ont consenti et ne se sont pas désabonnées, et seulement leurs coordonnées.
export-nobody = Aucun partenaire
export-reason = Motif
export-reason-hint = Il figure au journal d’audit. Les propriétaires reçoivent un courriel. N’y nommez personne.
export-reason-missing = Dites pourquoi vous exportez cette liste.
export-reason-address = Retirez l’adresse courriel.
export-button = Exporter

# overview
attention-title = À traiter
attention-none = Rien à traiter pour l’instant.
attention-held = { $title } : { $n } signatures en attente de vérification
attention-comments = { $title } : { $n } commentaires à modérer
attention-imports = { $title } : { $n } fichiers importés à terminer
attention-paused = Boîtes de responsables en pause : { $n }
attention-uncertain = Lettres dont la livraison est incertaine : { $n }
attention-failed = Courriels en échec : { $n }
attention-overdue = Actions dont les données auraient dû être supprimées : { $n }
attention-retention = Actions dont les données seront supprimées d’ici 30 jours : { $n }
overview-days = Signatures et lettres par jour
overview-most = Maximum en un jour : { $n }
overview-table = Sous forme de tableau
overview-other = autres

# organization
organization-title = Organisation
organization-hint = Ce que l’on lit de vous dans vos courriels.
organization-address = Adresse postale
organization-address-hint = Figure à la fin de chaque infolettre. La loi (LCAP) l’exige, et rien n’est envoyé sans elle. Indiquez l’adresse de votre organisation, jamais celle d’un domicile.
organization-needed = Avant l’envoi, ajoutez l’adresse postale de votre organisation.
