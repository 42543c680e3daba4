console-title = Consola de organización
console-sign-in-title = Iniciar sesión
console-sign-in-lead = Para el equipo organizador. Quienes apoyan una acción no necesitan cuenta.
console-email = Correo electrónico
console-password = Contraseña
console-sign-in-button = Iniciar sesión
console-sign-in-failed = El correo electrónico o la contraseña no son correctos.
console-sign-in-locked = Demasiados intentos. Espere hasta 15 minutos, o use un dispositivo en el que ya haya iniciado sesión.
console-sign-in-check = Hubo muchos intentos en poco tiempo. Escriba su contraseña de nuevo; la comprobaremos después de la verificación de seguridad de abajo.
console-sign-out = Cerrar sesión
console-signed-in-as = { $name } ({ $role })
role-owner = titular
role-organizer = organización
role-host = anfitrión o anfitriona
role-viewer = solo lectura
console-petitions = Peticiones
console-events = Eventos
console-letters = Cartas
console-mail = Cola de envío
console-none = Todavía no hay nada.
console-col-title = Título
console-col-state = Estado
console-col-counted = Firmas
console-col-public = Total público
console-col-when = Cuándo
console-col-capacity = Cupo
console-col-accepted = Inscripciones
console-col-waitlisted = Lista de espera
console-col-live = Envío
console-col-written = Escritas
console-col-sent = Enviadas
console-col-failed = Fallidas
console-col-list = Lista
console-col-actions = Acciones
console-col-class = Tipo
console-col-count = Correos
console-col-oldest = Más antiguo
console-export = Exportar
console-export-named = Exportar: lista de «{ $title }»
console-export-note = Una vez descargada, ya no podemos proteger la lista. Guárdela cifrada, compártala solo con quienes la necesiten y elimínela cuando termine.
console-protected-numbers = Los números de las acciones protegidas cambian una vez al día y se redondean a la decena inferior. Un número exacto podría revelar quién participó.
console-live-yes = Activo
console-live-no = En espera
letters-releasing = Puestas en la cola de envío: { $n }
letters-holding = Puestas en espera: { $n }
letters-failed = No se completó. Guarde la acción de nuevo para continuar.
console-unlimited = Sin límite
console-mail-empty = La cola de envío está vacía.
state-draft = Borrador
state-published = Publicada
state-paused = En pausa
state-closed = Cerrada
state-won = Ganada
state-lost = No ganada
state-cancelled = Cancelada
mail-state-queued = En cola
mail-state-sending = Enviando
mail-state-sent = Enviado
mail-state-failed = Fallido
mail-state-uncertain = Entrega incierta
mail-state-cancelled = Cancelado
mail-state-bounced = Rebotado
mail-state-complained = Marcado como spam
mail-class-confirmation = Correos de confirmación
mail-class-urgent = Cambios urgentes
mail-class-letter = Cartas a las autoridades
mail-class-notice = Agradecimientos y recordatorios
mail-class-update = Novedades por correo

mailbox-title = Bandeja de entrada de demostración
mailbox-lead = Modo de demostración: ningún correo sale de esta computadora. Estos son los correos que se habrían enviado, del más reciente al más antiguo.
mailbox-empty = Todavía no hay correos. Firme una petición y el correo de confirmación aparecerá aquí.
mailbox-back = Volver a la bandeja de entrada
mailbox-to = Para
mailbox-from = De
mailbox-reply-to = Responder a
mailbox-date = Fecha
mailbox-text = Texto sin formato
mailbox-html = Correo con formato
mailbox-links = Enlaces en este correo
mailbox-attachments = Archivos adjuntos
mailbox-headers = Todos los encabezados

# one petition
console-back = Volver
console-page-previous = Página anterior
console-page-next = Página siguiente
console-page-number = Página { $n } de { $total }
console-not-saved = Sus cambios no se guardaron
console-not-saved-hint = No se cambió nada. Use el botón Atrás del navegador para volver al formulario con lo que había escrito.
console-done = Hecho.
console-would-change = { $count ->
    [one] Vista previa: cambiaría { $n } firma.
   *[other] Vista previa: cambiarían { $n } firmas.
}
console-preview-link = Enlace privado de vista previa:
console-results = Resultados
console-public-total = Total público
console-live-total = Total en tiempo real (interno)
console-paper-total = Firmas en papel
console-goal = Meta
console-verified = Última verificación de los totales
console-recount = Recalcular los totales
console-by-source = Por código de origen
console-by-region = Por provincia o país
console-status = Estado y calendario
console-public-note = Nota pública (se muestra en la página)
console-save = Guardar
console-history = Historial
console-goal-title = Meta e hitos
console-milestones = Hitos personalizados
console-raises-goal = Subir la meta automáticamente
console-picture = Imagen
console-picture-consent = ¿Se puede reconocer a alguien? Pida antes el consentimiento de cada persona: una foto de una concentración puede servir para identificar a la gente. Quitamos del archivo el lugar y la hora.
console-alt = Descripción de la imagen (texto alternativo)
console-file-picture = Archivo de imagen (JPEG, PNG o WebP)
console-upload = Subir
console-held = Firmas por revisar
console-held-none = No hay firmas por revisar.
console-held-count = { $count ->
    [one] { $n } firma por revisar.
   *[other] { $n } firmas por revisar.
}
console-col-why = Motivo
console-col-who = Nombre
console-review-counted = Aprobar
console-review-invalid = Rechazar
suspicion-network = Muchas de la misma red
suspicion-domain = Muchas del mismo dominio de correo
suspicion-form = Parece automatizada
suspicion-organizer = Retenida por el equipo organizador
console-bulk = Revisión en bloque
console-bulk-hint = Indique lo que las firmas tienen en común. Una firma coincide solo si cumple todos los campos que llene. Vea primero la vista previa: nada cambia mientras «Solo vista previa» esté marcado, y se puede deshacer.
console-action = Acción
effect-invalidate = Rechazar las firmas
effect-release = Aprobar las firmas por revisar
console-bulk-domain = Dominio de correo
console-bulk-name = Nombre
console-bulk-country = Código del país
console-bulk-source = Código de origen
console-bulk-network = Misma red que la firma (identificador)
console-reason = Motivo (interno)
console-run = Ejecutar
console-jobs = Revisiones en bloque
console-progress = Progreso
console-changed = cambiadas: { $n }
console-cancel = Cancelar
console-undo = Deshacer
job-running = En curso
job-done = Completada
job-cancelled = Cancelada
job-undoing = Deshaciendo
job-undone = Deshecha
job-failed = Falló
job-error-internal = Un paso falló en nuestro servidor.
job-error-panicked = Un paso se interrumpió en nuestro servidor.
job-error-too_slow = Un paso tardó demasiado.
job-error-worker_died = El servidor se detuvo en medio de un paso.
job-error-vault_closed = Los datos de estas personas ya no se pueden descifrar.
job-error-too_long = Una línea es demasiado larga, o una comilla nunca se cierra.
job-error-unreadable = Falta una parte del archivo o no se puede abrir.
job-error-not_understood = La solicitud ya no se puede leer. Empiece de nuevo.
job-retry = Se intenta de nuevo ({ $n } de 10 intentos hasta ahora).
console-comments = Comentarios por moderar
console-comments-none = No hay comentarios por moderar.
console-comments-count = { $count ->
    [one] { $n } comentario por moderar.
   *[other] { $n } comentarios por moderar.
}
console-comment-shown = Publicar
console-comment-hidden = Ocultar
console-import = Importar firmas (CSV o Excel)
console-import-hint = Un archivo CSV o un libro de Excel (.xlsx) con una fila de encabezado. Importe solo a personas que aceptaron firmar esta petición. Empiece con una prueba: se revisa cada línea y no se guarda nada.
console-import-separator = Separador
console-import-assumed = Leído como { $encoding }, separado por «{ $separator }».
console-import-sheet = Leído de la hoja «{ $sheet }».
import-dates-day_first = Las fechas como 03/04/2026 se leen con el día primero: 3 de abril.
import-dates-month_first = Las fechas como 03/04/2026 se leen con el mes primero: 4 de marzo.
console-import-encoding = Codificación
console-import-preview = Primeras filas
console-import-again = Si no es correcto, suba el archivo de nuevo y elija el separador y la codificación.
file-empty = El archivo está vacío.
file-header-too-long = La fila de encabezado es demasiado larga.
file-too-many-columns = El archivo tiene más de 1,000 columnas. Elimine las que no hagan falta.
file-no-header = La primera fila contiene una dirección de correo. Agregue antes una fila con los nombres de las columnas.
file-not-utf8 = Este archivo no está en UTF-8. Guárdelo como «CSV UTF-8» o como libro de Excel (.xlsx).
file-not-text = Esto no es un archivo de texto. Guárdelo como «CSV UTF-8» o como libro de Excel (.xlsx).
file-old-excel = Es un libro de un Excel antiguo (.xls). Guárdelo como libro de Excel (.xlsx) o como «CSV UTF-8».
file-password = Este libro está protegido con contraseña. Guarde una copia sin contraseña.
file-binary-excel = Es un libro binario (.xlsb). Guárdelo como libro de Excel (.xlsx) o como «CSV UTF-8».
file-open-document = Es un libro de LibreOffice (.ods). Guárdelo como libro de Excel (.xlsx) o como «Texto CSV».
file-numbers = Es un documento de Numbers. Expórtelo a Excel (.xlsx) o a CSV.
file-archive = Es un archivo comprimido o un libro que no se puede leer. Si es un archivo comprimido, descomprímalo y envíe la lista misma. Si no, abra el libro y guarde la hoja como «CSV UTF-8».
file-workbook-too-large = Este libro es demasiado grande. Guarde la hoja que tiene la lista como «CSV UTF-8» y envíe ese archivo.
file-pdf = Es un PDF. Envíe la tabla misma, como libro de Excel (.xlsx) o como CSV.
file-cards = Es una libreta de direcciones o un calendario. Exporte los contactos como CSV.
file-web-page = Es una página web o XML. Guarde la tabla como «CSV UTF-8» o como libro de Excel (.xlsx).
console-file-csv = Archivo CSV o libro de Excel
console-test-run = prueba
import-uploading = Subiendo
import-uploaded = Subido
import-running = En curso
import-checked = Revisado
import-done = Importado
import-cancelled = Cancelado
import-failed = Falló
console-import-numbers = { $lines } líneas: { $imported } nuevas, { $duplicates } ya firmadas, { $refused } rechazadas.
console-rejected-lines = Líneas rechazadas (CSV)
console-mapping = Asignar las columnas
import-field-email = Correo
import-field-given-name = Nombre
import-field-family-name = Apellido
import-field-phone = Teléfono
import-field-postal-code = Código postal
import-field-city = Ciudad
import-field-country = País
import-field-language = Idioma
import-field-comments = Comentario
import-field-signed-on = Fecha de firma
import-field-consent-updates = Aceptó recibir novedades (sí o no)
import-field-date-order = Orden en fechas como 03/04/2026
import-date-day_first = Primero el día: 3 de abril
import-date-month_first = Primero el mes: 4 de marzo
console-import-wording = Texto exacto del consentimiento
console-paper = Firmas en papel
console-paper-reference = Referencia del lote
console-paper-sheets = Hojas
console-remove = Eliminar
console-add = Agregar
console-clicks = { $count ->
    [one] { $n } clic
   *[other] { $n } clics
}
console-short-link = Nuevo enlace corto: /go/…
console-source-hint = Un código de origen indica de dónde vino una firma: { $url }?source=código. Los códigos que no están en esta lista cuentan como «other».
console-source-new = Nuevo código de origen
console-deliveries = Entrega de la petición
delivery-planned = Prevista
delivery-delivered = Entregada
console-not-locked = El recuento final aún no está fijado.
console-public-page = Página pública
console-print-sheet = Imprimir la hoja de entrega
console-lock-count = Fijar el recuento final
console-mark-delivered = Marcar como entregada
console-note = Nota
console-spam-protection = Protección contra abusos
console-spam-protection-hint = Se aplica a todas las peticiones. Las firmas que pasan de un límite quedan por revisar; nunca se pierden.
console-per-network = Máximo de firmas por hora desde una misma red
console-per-domain = Máximo de firmas por hora desde un mismo dominio de correo
console-min-form-seconds = Tiempo mínimo para llenar el formulario (segundos)
console-signing-paused = Pausar la firma de todas las peticiones
console-breakdowns-paused = Ocultar las estadísticas públicas
console-allowlist = Lista de permitidos
console-allowlist-hint = Redes y dominios de correo donde muchas personas firman a la vez, como albergues, sindicatos y universidades. Los límites por hora no se les aplican.
console-network = Red
sheet-names = Nombres
sheet-names-note = Firmantes que aceptaron que se entregara su nombre. Las demás personas están incluidas en el recuento de arriba, sin su nombre.
state-archived = Archivada
state-ended = Terminada

# retention
console-retention = Conservación de datos
console-retention-status = Datos personales que terminan en los próximos 30 días: { $ahead } · con retraso: { $overdue }
console-retention-default = Cuánto tiempo se conservan los datos personales
console-retention-default-hint = Para las acciones sin privacidad reforzada y sin un día propio. Se cuenta desde el fin del evento o desde que se cerró la acción. Después se elimina todo lo relativo a las personas que participaron; los totales se conservan.
console-retention-months = Meses después del fin de una acción
console-last-day = Último día de los datos personales
console-last-day-none = Ninguno mientras está abierta
console-destroy = Eliminar los datos ahora
console-destroy-named = Eliminar ahora los datos de «{ $title }»
console-destroy-hint = Se elimina todo lo relativo a las personas que participaron, y ya nadie puede participar. Los totales se conservan. No se puede deshacer.
console-destroy-protected = La clave de esta lista se destruye primero: en menos de un minuto ya nadie puede leerla, tampoco en las copias de seguridad.
console-destroy-standard = Las copias de seguridad siguen siendo legibles hasta que se eliminen.
console-destroy-slug = Para confirmar, escriba { $slug }
console-destroy-button = Eliminar los datos ahora

# mail and broadcasts
console-mail-delivery = Estado de los envíos
console-mail-paused = En pausa: { $what }.
console-mail-restored = Esta base de datos se restauró a partir de una copia de seguridad. Los correos enviados desde esa copia saldrían otra vez: revise la cola antes de reanudar el envío.
console-mail-unverified = Muster no puede saber si se enviaron correos después de hacer esta copia de la base de datos. Revise la cola; reanude el envío solo si esta es la copia más reciente.
console-mail-other-database = Esta es una copia de la base de datos en otro servidor. Los correos que envía el original saldrían dos veces: reanude el envío solo si el original ya no envía.
console-mail-refused = El servidor rechaza nuestra cuenta desde { $since }; próximo intento: { $at }. { $words }
console-mail-held = a la espera del límite por hora
console-mail-first-limited = Los correos de primer contacto alcanzaron el límite de { $n } en esta hora. Los demás esperan a la siguiente. Compruebe si alguien abusa de un formulario.
console-mail-sent-hour = Enviados en la última hora
console-mail-late = Con más de una hora de retraso
console-mail-uncertain = Cartas con entrega incierta
console-mail-first = Correos de primer contacto en esta hora
console-mail-queue = Cola
console-mail-pauses = Pausar y reanudar
console-mail-pauses-hint = Se aplica de inmediato a toda la instalación. Los correos que se están enviando en este momento salen de todos modos.
console-mail-pause = Pausar: { $what }
console-mail-resume = Reanudar: { $what }
mail-scope-everything = todos los correos
mail-scope-confirmation = correos de confirmación
mail-scope-urgent = cambios urgentes
mail-scope-letter = cartas a las autoridades
mail-scope-notice = agradecimientos y recordatorios
mail-scope-update = novedades por correo
console-mail-problems = Fallidos, rebotados o con entrega incierta
console-mail-problems-none = Ninguno.
console-mail-problems-count = { $count ->
    [one] { $n } correo.
   *[other] { $n } correos.
}
console-mail-uncertain-hint = Una carta con entrega incierta puede haber llegado. Si la envía otra vez, la autoridad podría recibirla dos veces.
console-mail-retry = Reintentar
console-mail-retry-all = Reintentar todos los fallidos
console-mail-retried = { $count ->
    [one] Se enviará de nuevo { $n } correo.
   *[other] Se enviarán de nuevo { $n } correos.
}
console-mail-mailboxes = Buzones de las autoridades
console-mail-mailboxes-none = No hay cartas en espera ni buzones en pausa.
console-mail-waiting = { $count ->
    [one] { $n } carta en espera
   *[other] { $n } cartas en espera
}
mailbox-paused-bounced = En pausa porque una carta rebotó. Revise la dirección, corrija la oficina y reanude el envío.
mailbox-paused-complained = En pausa porque una carta se marcó como spam. Comuníquese con la oficina antes de reanudar el envío.
mailbox-paused-unknown_time_zone = En pausa porque este servidor no conoce la zona horaria del buzón. Indique de nuevo su horario con una zona como America/Toronto.
console-mail-rate = Cartas por hora
console-mail-burst = Límite de ráfaga
console-mail-from = Enviar cada día desde (vacío: a cualquier hora)
console-mail-until = Hasta
console-mail-zone = Zona horaria
console-mail-relays = Servidores de salida
console-mail-relays-hint = Máximo de correos por hora y por servidor. Déjelo vacío para no poner límite.
console-mail-providers = Por proveedor de correo, últimos 7 días
console-mail-provider = Proveedor
console-mail-other = Todos los demás
console-broadcasts = Novedades por correo
console-broadcasts-hint = Se envían solo a quienes participaron en las acciones que elija y aceptaron recibirlas. Cada correo lleva un enlace para darse de baja con un clic.
console-broadcasts-none = Todavía no hay correos.
console-broadcast-counting = Contando destinatarios…
console-broadcast-counted = Destinatarios contados
console-broadcast-new = Nuevo correo
console-broadcast-save-draft = Guardar borrador
console-broadcast-text = Contenido y destinatarios
console-broadcast-language = Agregar una traducción: { $lang }
console-broadcast-send-title = Enviar
console-broadcast-recipients = { $count ->
    [one] { $n } destinatario en este momento
   *[other] { $n } destinatarios en este momento
}
console-broadcast-schedule = Programar para (UTC; déjelo vacío para enviar ahora)
console-broadcast-due = Programado para
console-broadcast-send = Enviar
console-broadcast-test = Enviarme una prueba
console-broadcast-pause = Pausar el envío
console-broadcast-resume = Reanudar el envío
console-broadcast-cancel = Cancelar los correos restantes
console-subject = Asunto
console-text = Mensaje
console-recipients = Destinatarios
console-audience-regions = Provincia o país (por ejemplo CA-ON; uno por línea)
console-audience-tags = Etiquetas de personas (una por línea)
broadcast-draft = Borrador
broadcast-scheduled = Programado
broadcast-sending = Enviando
broadcast-paused = En pausa
broadcast-done = Enviado
broadcast-cancelled = Cancelado
broadcast-failed = Falló
recipient-waiting = En espera
recipient-queued = En cola
recipient-sent = Enviados
recipient-failed = Fallidos
recipient-uncertain = Entrega incierta
recipient-cancelled = No enviados
recipient-bounced = Rebotados
recipient-complained = Marcados como spam

# frame and forms
nav-console = Panel de organización
nav-menu = Menú
nav-new = Crear
nav-overview = Resumen
nav-campaigns = Campañas
nav-updates = Actualizaciones
nav-people = Personas
nav-email = Correo
nav-settings = Configuración
nav-offices = Oficinas
nav-sources = Códigos de origen
nav-partners = Organizaciones aliadas
new-campaign = Nueva campaña
new-petition = Nueva petición
new-event = Nuevo evento
new-letter = Nueva carta
new-office = Nueva oficina
new-update = Nueva actualización
new-broadcast = Nuevo correo de novedades
edit-campaign = Editar la campaña
edit-petition = Editar la petición
edit-event = Editar el evento
edit-letter = Editar la carta
edit-office = Editar la oficina
edit-update = Editar la actualización
edit-broadcast = Editar el correo de novedades
empty-campaigns = Aún no hay campañas. Una campaña reúne peticiones, eventos y cartas en una página: empiece por ella.
empty-petitions = Aún no hay peticiones. Cree una: queda como borrador hasta que la publique.
empty-events = Aún no hay eventos. Cree uno: la gente puede inscribirse cuando esté publicado.
empty-letters = Aún no hay cartas. Agregue las oficinas destinatarias y luego cree una carta.
empty-offices = Aún no hay oficinas. Agregue aquellas a las que van sus cartas.
empty-updates = Aún no hay actualizaciones. Cuente qué ha pasado en su campaña.
steps-title = Su primera campaña
steps-campaign = Crear una campaña
steps-petition = Agregar una petición, un evento o una carta
steps-office = Agregar las oficinas destinatarias de las cartas
steps-publish = Publicar su petición y compartirla
steps-done = Hecho
ready-title = Lo que aún falta
ready-no-text = No hay texto de la petición.
ready-no-target = No se nombra a quienes deciden.
ready-no-goal = No hay meta.
ready-no-end = No hay fecha de cierre.
ready-no-place = No hay lugar.
ready-no-join-link = No hay enlace para participar en línea.
ready-no-accessibility = No se dice nada sobre accesibilidad.
ready-no-offices = No se eligió ninguna oficina.
ready-no-letter = No hay texto de la carta.
ready-not-live = Las cartas esperan: el envío no está activado.
ready-no-summary = No hay resumen.
ready-languages = Sin traducción: { $languages }.
act-pause = Pausar
act-resume = Reanudar
act-close = Cerrar
act-reopen = Reabrir
act-go-live = Empezar a enviar cartas
act-hold = Retener las cartas
act-revoke-previews = Revocar los enlaces de vista previa
act-delete-image = Eliminar la imagen
people-search = Buscar a una persona
people-search-hint = Escriba una dirección de correo completa o una etiqueta. Los nombres están cifrados y no se pueden buscar.
people-search-button = Buscar
people-none = No se encontró a nadie.
mail-waiting-list = Correos en cola
form-required = (obligatorio)
form-add-row = Agregar otra entrada
form-zone = Las horas son de la zona horaria { $zone }.
form-create = Crear
form-edit = Editar
form-publish = Publicar
form-archive = Archivar
form-duplicate = Duplicar
form-preview = Vista previa
form-more = Más
form-more-status = Estado, nota y fechas
form-draft-hint = Se guarda como borrador. Solo el equipo organizador lo ve hasta que se publique.
form-title = Título
form-campaign = Campaña
form-campaign-hint = Una campaña tiene una página pública con sus peticiones, eventos, cartas y actualizaciones.
form-language = Idioma principal
form-language-hint = El idioma de los textos de abajo. Agregue otros idiomas con los botones de arriba.
form-summary = Resumen breve
form-summary-hint = Una o dos frases, visibles en las listas y al compartir la página.
form-description = Descripción
form-markdown-hint = Deje una línea vacía entre párrafos. **negrita**, [texto del enlace](https://…).
form-petition-text = Texto de la petición
form-petition-text-hint = Lo que la gente firma.
form-demands = Demandas
form-lines-hint = Uno por línea.
form-targets = A quienes se dirige
form-group-page = Página, difusión y correo de agradecimiento
form-button = Texto del botón
form-share = Texto para compartir
form-thanks = Correo de agradecimiento
form-thanks-hint = Lo que dice el correo después de participar. Déjelo vacío para el texto habitual.
form-hosted-by = Organiza
form-slug = Dirección web (última parte)
form-slug-hint = Minúsculas, cifras y guiones. Déjelo vacío para formarla del título. Tras un cambio, la dirección anterior lleva a la nueva.
form-next-action = Acción siguiente
form-next-action-hint = Adónde lleva la página cuando esta acción esté cerrada.
form-group-privacy = Privacidad y datos
form-privacy = Privacidad
form-privacy-standard = Estándar
form-privacy-protected = Privacidad reforzada
form-privacy-hint = Con privacidad reforzada, la lista tiene una clave propia que se destruye el último día. No se puede cambiar después.
form-confirmation = Confirmación por correo
form-confirmation-email = Pedir confirmación
form-confirmation-none = Sin confirmación
form-confirmation-hint = Sin confirmación, cualquiera puede escribir cualquier dirección. No se puede cambiar después.
form-last-day-hint = Después de este día se elimina todo sobre las personas que participaron. Déjelo vacío para el plazo habitual.
form-group-schedule = Apertura y cierre
form-opens = Abre
form-opens-hint = Déjelo vacío para abrir al publicar.
form-closes = Cierra
form-closes-hint = Déjelo vacío para que siga abierto.
form-milestones-hint = Números de firmas, separados por comas.
form-group-form = Lo que pide el formulario
form-requirement-off = No se pide
form-requirement-optional = Opcional
form-requirement-required = Obligatorio
form-letter = Carta que también se envía al firmar
form-letter-hint = No se puede cambiar después.
form-shares-addresses = Personas de un mismo hogar pueden firmar con la misma dirección
form-shows-breakdowns = Mostrar al público las estadísticas por región
form-keeps-contacts = Conservar nombres y correos después de la confirmación
form-group-questions = Sus propias preguntas
form-question = Pregunta
form-question-label = Pregunta como se lee
form-question-key = Nombre en las descargas
form-question-key-hint = Minúsculas, cifras y _.
form-question-kind = Tipo de respuesta
form-question-kind-text = Texto
form-question-kind-choice = Una de varias respuestas
form-question-kind-checkbox = Sí o no (casilla)
form-question-choices = Respuestas para elegir
form-question-choices-hint = Una por línea, por ejemplo: member = Soy integrante | en = I am a member
form-question-required = La respuesta es obligatoria
form-event-kind = Tipo de evento
form-starts = Empieza
form-ends = Termina
form-ends-hint = Dos horas después del inicio si se deja vacío.
form-format = Presencial o en línea
form-format-in_person = Presencial
form-format-online = En línea
form-format-hybrid = Ambas
form-group-place = Lugar del evento
form-venue = Nombre del lugar
form-address = Calle y número
form-region = Provincia o estado
form-region-hint = Por ejemplo, ON o QC.
form-country-hint = Dos letras, por ejemplo CA.
form-map = Enlace a un mapa
form-map-hint = Una dirección web que empiece con https://
form-group-registration = Inscripción
form-capacity = Cupo (lugares)
form-capacity-hint = Déjelo vacío si no hay límite.
form-waitlist = Llevar una lista de espera cuando esté completo
form-waitlist-smaller = Un grupo pequeño puede adelantar a uno grande en la lista de espera
form-instructions = Cómo participar
form-instructions-hint = El enlace para participar y similares. Solo se envía a quienes se inscribieron; nunca está en una página pública.
form-accessibility = Accesibilidad
form-accessibility-hint = Escalones, ascensor, lengua de señas, cuidado infantil, sala tranquila.
form-interpretation = Idiomas de interpretación
form-interpretation-hint = Un código de idioma por línea, por ejemplo es o pa.
form-group-programme = Programa
form-session = Sesión
form-repeats = Se repite
form-repeats-hint = Como en un archivo de calendario, por ejemplo FREQ=WEEKLY;COUNT=6.
form-group-contacts = Personas de contacto
form-contact = Persona de contacto
form-offices = Oficinas
form-offices-hint = Cada carta va a todas las oficinas elegidas.
form-group-letter = La carta
form-letter-text = Texto de la carta
form-letter-subjects = Asuntos
form-letter-subjects-hint = Uno por línea. Cada carta toma uno.
form-letter-body = Texto
form-letter-body-hint = Las variables van entre llaves dobles: target.salutation, target.name, target.title.
form-editable = Las personas pueden cambiar el texto
form-live = Enviar las cartas a las autoridades
form-live-hint = Hasta entonces, las cartas se escriben y esperan.
form-live-true = En envío
form-live-false = En espera
form-letters-held = Cartas en espera
form-office = Oficina
form-office-hint = Una oficina sigue igual cuando cambia su titular. Las cartas van a quien la ocupa en ese momento.
form-office-title = Nombre de la oficina
form-office-title-hint = Por ejemplo, Ministerio de Inmigración.
form-mailboxes = Direcciones de correo
form-mailboxes-hint = Una por línea. Las cartas van a la primera; las demás reciben copia.
form-honorific = Tratamiento
form-honorific-hint = Por ejemplo, Su Excelencia.
form-holder-given-name = Nombre de la autoridad
form-holder-family-name = Apellido de la autoridad
form-holder-hint = Deje los tres vacíos mientras la oficina esté vacante.
form-official = Agregar una autoridad
form-official-hint = Para quien ocupó u ocupará una oficina. La persona actual se anota con la oficina.
form-group-term = Periodo en el cargo
form-term-start = Primer día
form-term-end = Último día
form-update-hint = Las actualizaciones están en la página de la campaña, la más nueva primero.
form-update-kind = Tipo de actualización
form-group-figures = Cifras para un gráfico
form-figure = Cifra
form-figure-series = Nombre de la serie
form-figure-value = Valor
form-figure-unit = Unidad
form-source-url = Enlace a la fuente
form-group-press = Comunicado de prensa
form-media-contact = Contacto para la prensa
form-quote = Cita
form-quote-text = Lo que se dijo
form-quote-by = Quién lo dijo
form-embargo = No público antes de
form-group-story = Historia de una persona
form-pseudonym = Nombre con el que se cuenta
form-consent-scope = Dónde la persona aceptó que se muestre
form-consent-scope-hint = Por ejemplo: este sitio y folletos, sin foto.
form-consent-day = Día del consentimiento
form-broadcast-text-hint = El saludo se agrega automáticamente. Deje una línea vacía entre párrafos.
form-audience-actions = Personas que participaron en
form-group-audience = Acotar
form-audience-locales = Idioma preferido
form-audience-sources = Código de origen
form-broadcast-language = Idioma para las demás personas
form-broadcast-send = Revisar y enviar
form-broadcast-send-hint = Envíese primero una prueba. Un correo enviado no se puede recuperar.
form-broadcast-at = Enviar a las
form-broadcast-at-hint = Déjelo vacío para enviar ahora.
form-first-contacts = Limitar los correos de primer contacto
form-first-contacts-hint = Para toda la instalación. Déjelo vacío para el límite habitual.
form-per-hour = Correos por hora
form-unsuppress = Desbloquear una dirección
form-unsuppress-hint = Para una dirección que rebotó y vuelve a funcionar. A nadie se le dice si estaba bloqueada.
form-person-new = Agregar una persona
form-person-new-hint = Solo personas que lo aceptaron. Ellas mismas eligen las novedades.
form-person-edit = Editar a la persona
form-person-delete = Eliminar los datos de esta persona
form-person-delete-hint = Se eliminará todo lo que dice quién es esta persona. Los totales quedan. No se puede deshacer.
form-confirm = Confirmación
form-confirm-hint = Para confirmar, escriba { $word }
form-confirm-word = ELIMINAR
form-tags = Etiquetas
form-languages-spoken = Idiomas que habla
form-group-address = Dirección postal
form-identifiers = Identificadores
form-registrations = Inscripciones
form-registration = Inscripción
form-registration-new = Inscribir a una persona
form-registration-new-hint = Para quienes se inscribieron por teléfono o en persona. Reciben el correo habitual.
form-registration-cancel = Cancelar la inscripción
form-party-size = Número de personas
form-access-needs = Necesidades de accesibilidad
form-short-link = Nuevo enlace corto
form-short-links = Enlaces cortos
form-word-hint = Minúsculas, cifras y guiones.
form-bulk-after = Desde
form-bulk-before = Hasta
form-dry-run = Solo vista previa
form-dry-run-hint = Cuenta lo que cambiaría y no cambia nada.
form-import-new = Importar un archivo
form-separator-hint = Déjelo vacío para reconocerlo.
form-mapping-hint = Elija la columna del archivo para cada dato. Deje vacío lo que el archivo no tenga.
form-test-run = Prueba
form-test-run-hint = Revisa cada línea y no guarda nada.
form-paper-new = Agregar firmas en papel
form-delivery-new = Planear una entrega
form-allow-hint = Complete un dominio o una red.
form-network-hint = Por ejemplo, 203.0.113.0/24.
form-source-hint = Un código de origen dice de dónde viene una firma. Los códigos que no están en esta lista cuentan como «otro».
form-partner = Organización aliada
form-partner-new = Nueva organización aliada
form-partner-hint = Las aliadas reciben los datos de quienes lo aceptan en el formulario y tienen un código de origen propio.
form-partner-name = Nombre de la organización
form-partner-wording = Texto del consentimiento
form-partner-wording-hint = La frase junto a la casilla del formulario.

# frame and forms
form-mailbox = Buzón de la autoridad
form-relay = Servidor de salida
form-paused = En pausa: no se envía nada

# frame and forms
console-refresh = Actualizar
form-other-session = Ha vuelto a iniciar sesión desde que abrió este formulario. Revíselo y guárdelo otra vez.
signed-out-title = Su sesión terminó
signed-out-hint = Lo que escribió se conserva en esta página. Inicie sesión en otra pestaña, vuelva aquí y continúe.
signed-out-continue = Continuar

# lists of those who took part
signature-state-pending = Sin confirmar
signature-state-counted = Contada
signature-state-duplicate = Duplicada
signature-state-quarantined = Retenida para revisión
signature-state-invalid = Rechazada
signature-state-withdrawn = Retirada
comment-state-none = Sin comentario
comment-state-waiting = Por moderar
comment-state-shown = Publicado
comment-state-hidden = Oculto
outreach-state-held = En espera del inicio
outreach-state-queued = En cola
outreach-state-sent = Enviada
outreach-state-failed = Falló
outreach-state-uncertain = Entrega incierta
outreach-state-bounced = Devuelta
outreach-state-cancelled = Cancelada
participants-open = Lista de personas
participants-filter = Filtrar
participants-clear = Quitar el filtro
participants-any = Cualquiera
participants-all = { $count ->
    [one] { $n } en total
   *[other] { $n } en total
}
participants-matching = { $count ->
    [one] { $n } coincide con el filtro
   *[other] { $n } coinciden con el filtro
}
participants-review = Revisar todo según una regla
participants-none = Nadie ha participado todavía. Comparta la página pública para llegar a las primeras personas.
participants-none-match = Nada coincide con este filtro.
participants-hidden = { $n } personas. Su identidad está oculta: su función no permite leer datos de contacto.
participants-protected = Esta acción tiene privacidad reforzada: los nombres, las direcciones y los orígenes no se muestran a nadie.
participants-nobody = No se muestra
participants-place = Lugar
participants-choose = Elegir
participants-decide = Con lo elegido
participants-continue = Continuar
participants-partial = La búsqueda se detuvo antes de llenar esta página. Pase a la página siguiente para continuar.
participants-page = Página { $n }
participants-pages = Páginas de la lista
decide-hint = Los totales y las páginas se actualizarán. Podrá cambiarlo después, salvo lo que las personas hayan retirado por su cuenta.
decide-hold = Retener para revisión
decide-comment-shown = Publicar el comentario
decide-comment-hidden = Ocultar el comentario
decide-counted = { $count ->
    [one] ¿Aprobar { $n } firma?
   *[other] ¿Aprobar { $n } firmas?
}
decide-quarantined = { $count ->
    [one] ¿Retener { $n } firma para revisión?
   *[other] ¿Retener { $n } firmas para revisión?
}
decide-invalid = { $count ->
    [one] ¿Rechazar { $n } firma?
   *[other] ¿Rechazar { $n } firmas?
}
decide-comments-shown = { $count ->
    [one] ¿Publicar { $n } comentario?
   *[other] ¿Publicar { $n } comentarios?
}
decide-comments-hidden = { $count ->
    [one] ¿Ocultar { $n } comentario?
   *[other] ¿Ocultar { $n } comentarios?
}
decide-cancel = { $count ->
    [one] ¿Cancelar { $n } inscripción? Los lugares libres pasan a la lista de espera y la persona recibe un correo.
   *[other] ¿Cancelar { $n } inscripciones? Los lugares libres pasan a la lista de espera y cada persona recibe un correo.
}
decide-changed = { $count ->
    [one] { $n } cambio.
   *[other] { $n } cambios.
}

# audit log
audit-title = Registro de auditoría
audit-hint = Quién hizo qué y cuándo. No contiene datos de las personas solidarias, y nadie puede modificarlo sin que se note.
audit-export = Exportar (CSV)
audit-verify = Verificar el registro
audit-whole = { $count ->
    [one] El registro está intacto: { $n } entrada, ninguna modificada, eliminada ni agregada después.
   *[other] El registro está intacto: { $n } entradas, ninguna modificada, eliminada ni agregada después.
}
audit-not-whole = El registro no está como se escribió. Consulte a quien administra este servidor.
audit-head = Suma de comprobación de la entrada más reciente, para guardar en otro lugar:
audit-who = Quién
audit-what = Qué
audit-object = Objeto
audit-token = Token de API
audit-system = Sistema
audit-count = { $count ->
    [one] { $n } entrada
   *[other] { $n } entradas
}
audit-area-accounts = Acceso y equipo
audit-area-contacts = Contactos leídos o exportados
audit-area-people = Personas y revisión
audit-area-petitions = Peticiones y entregas
audit-area-events = Eventos
audit-area-letters = Cartas y oficinas
audit-area-mail = Correo
audit-area-settings = Campañas y ajustes

# saved filters
saved-title = Filtros guardados
saved-name = Nombre de este filtro
saved-hint = Lo ve toda su organización. Las direcciones y los nombres de personas nunca se guardan.
saved-save = Guardar el filtro

# exports
export-title = Exportaciones
export-which = Listas
export-choose = Elija una lista.
export-list-signatures = Firmas
export-list-attendances = Inscripciones
export-list-outreaches = Cartas
export-list-people = Personas
export-list-consents = Consentimientos
export-action = Acción
export-format = Formato
console-export-csv = CSV (para hojas de cálculo)
console-export-xlsx = Libro de Excel (XLSX)
console-export-jsonl = JSON Lines (para programas)
export-usual = Los habituales
export-columns = Columnas
export-partner = Para una organización aliada
export-partner-hint = Una aliada recibe solo a las personas que lo aceptaron y no se han dado de baja, y solo cómo contactarlas.
export-nobody = Ninguna aliada
export-reason = Motivo
export-reason-hint = Queda en el registro de auditoría. Quienes son titulares reciben un correo. No nombre a nadie.
export-reason-missing = Diga por qué exporta esta lista.
export-reason-address = Quite la dirección de correo.
export-button = Exportar

# overview
attention-title = Requiere atención
attention-none = No hay nada pendiente por ahora.
attention-held = { $title }: { $n } firmas retenidas para revisión
attention-comments = { $title }: { $n } comentarios por moderar
attention-imports = { $title }: { $n } archivos importados por terminar
attention-paused = Buzones de autoridades en pausa: { $n }
attention-uncertain = Cartas con entrega incierta: { $n }
attention-failed = Correos que fallaron: { $n }
attention-overdue = Acciones cuyos datos ya debían eliminarse: { $n }
attention-retention = Acciones cuyos datos se eliminan en 30 días: { $n }
overview-days = Firmas y cartas por día
overview-most = Máximo en un día: { $n }
overview-table = En una tabla
overview-other = otros

# organization
organization-title = Organización
organization-hint = Lo que se lee de ustedes en sus correos.
organization-address = Dirección postal
organization-address-hint = Aparece al final de cada correo de novedades. La ley (CASL) la exige, y sin ella no se envía nada. Use la dirección de su organización, no la de una casa.
organization-needed = Antes de enviarlo, agregue la dirección postal de su organización.
