event-kind-rally = Concentración
event-kind-march = Marcha
event-kind-assembly = Asamblea
event-kind-vigil = Vigilia
event-kind-workshop = Taller
event-kind-training = Capacitación
event-kind-camp = Campamento
event-kind-delivery = Entrega de la petición
event-kind-meeting = Reunión
event-kind-picnic = Comida al aire libre
event-kind-other = Evento
event-format-in_person = Presencial
event-format-online = En línea
event-format-hybrid = Presencial y en línea
event-when = Cuándo
event-where = Dónde
event-how = Modalidad
event-timezone = Hora local: { $city }
event-calendar = Agregar al calendario
event-calendar-neutral = Cita
event-calendar-neutral-link = Entrada de calendario sin nombre ni lugar
event-map = Ver el mapa
event-about-title = Sobre el evento
event-accessibility = Accesibilidad
event-sessions = Programa
event-contacts = ¿Preguntas? Comuníquese con nosotros
event-private-link = Enviamos el enlace para participar solo a las personas inscritas, por correo.
event-jump = Inscribirse
event-jump-waitlist = Unirse a la lista de espera
event-register-title = Inscríbase en el evento
event-register-button = Inscribirme
event-waitlist-title = Únase a la lista de espera
event-waitlist-note = Este evento está completo. Si se libera un lugar, inscribimos a las personas de la lista de espera por orden de llegada y les avisamos por correo.
event-waitlist-button = Unirme a la lista de espera
event-status-closed = La inscripción está cerrada.
event-status-cancelled = Este evento se canceló.
event-status-past = Este evento ya terminó. Gracias a todas las personas que vinieron.
event-next = Después le enviaremos un enlace por correo. Sígalo y pulse el botón para completar su inscripción.
event-protected-note = Solo el equipo organizador puede ver que usted se inscribió. Pedimos la menor cantidad de datos posible.
event-phone-hint = Solo para avisarle si hay cambios ese día.
event-interpretation-none = No necesito interpretación
event-access-hint = Por ejemplo: acceso sin escalones, lengua de señas, cuidado infantil o un espacio tranquilo. Solo lo ve el equipo organizador.
event-data-seen = Solo el equipo organizador puede ver quién se inscribió. Esta página muestra si quedan lugares, nunca cuántas personas se inscribieron ni quiénes.
event-data-cancel = Puede cancelar en cualquier momento con el enlace de nuestro correo.

token-event-confirm-heading = Confirme su inscripción
token-event-confirm-line-1 = Está a punto de inscribirse en «{ $title }».
token-event-confirm-line-2 = Su inscripción no queda hecha hasta que pulse el botón.
token-event-confirm-button = Confirmar mi inscripción
token-event-confirm-done-heading-accepted = Su inscripción está confirmada
token-event-confirm-done-line-accepted = Nos vemos en «{ $title }». Le enviamos un correo con todos los detalles.
token-event-confirm-done-heading-waitlisted = Está en la lista de espera
token-event-confirm-done-line-waitlisted = «{ $title }» está completo en este momento. Le escribiremos si se libera un lugar.
token-event-confirm-done-heading-declined = Este evento está completo
token-event-confirm-done-line-declined = Ya no quedan lugares para «{ $title }». Gracias por su interés.
token-event-manage-heading = Su inscripción
token-event-manage-line-1 = Usted se inscribió en «{ $title }».
token-event-manage-line-2 = Si no puede venir, cancele para que otra persona tenga su lugar.
token-event-manage-button = Cancelar mi inscripción
token-event-manage-done-heading = Su inscripción está cancelada
token-event-manage-done-line-1 = Ya no tiene inscripción en «{ $title }». Gracias por avisarnos.
token-event-join-heading = Participar en línea
token-event-join-line-1 = Está en «{ $title }».
token-event-join-line-2 = El botón abre la reunión. Es solo para usted, por favor no comparta esta página.
token-event-join-button = Participar ahora
join-page-link = Participar en línea
ticket-label = Su boleto
ticket-line = Muestre este código en la entrada.
join-not-yet = Podrá participar a partir de este momento: { $time }. Vuelva entonces a esta página.
join-missing = Todavía no hay dónde participar. Vuelva a esta página más tarde.
join-refused = Con esta página no puede participar. Busque nuestro último correo o envíe el formulario de nuevo.
join-hide-name = Puede elegir cualquier nombre antes de participar y dejar la cámara apagada. Las demás personas ven el nombre que elija.
join-dial-in = Por teléfono
join-to = ¿Qué quiere escuchar?
join-to-meeting = La reunión
join-to-interpretation = La interpretación
token-event-confirm-done-heading-kept = Su inscripción anterior sigue vigente
token-event-confirm-done-line-kept = No hay lugar para un grupo más grande en «{ $title }». Su inscripción anterior sigue igual.
event-state-accepted = Inscripción confirmada
event-state-waitlisted = En la lista de espera
event-state-cancelled = Inscripción cancelada
event-state-declined = Evento completo
repeats-daily = { $count ->
    [1] cada día
   *[other] cada { $n } días
}
repeats-weekly = { $count ->
    [1] cada semana
   *[other] cada { $n } semanas
}
repeats-monthly = { $count ->
    [1] cada mes
   *[other] cada { $n } meses
}
repeats-yearly = { $count ->
    [1] cada año
   *[other] cada { $n } años
}
repeats-count = { $count ->
    [1] una vez
   *[other] { $n } veces
}
repeats-until = hasta el { $date }
repeats-on = { $every }, { $days }
repeats-weekday = el { $weekday }
repeats-nth-weekday = { $nth ->
    [1] el primer { $weekday }
    [2] el segundo { $weekday }
    [3] el tercer { $weekday }
    [4] el cuarto { $weekday }
   *[last] el último { $weekday }
}
repeats-month-day = el día { $day }
repeats-last-day = el último día
repeats-dates = próximas fechas: { $dates }
repeats-dates-more = próximas fechas: { $dates }; y más adelante
event-state-pending = Sin confirmar
