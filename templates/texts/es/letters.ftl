letter-count = { $count ->
    [one] { $n } carta escrita hasta ahora
   *[other] { $n } cartas escritas hasta ahora
}
letter-to-title = Destinatarios
letter-greeting = Saludo: { $greeting }
letter-about-title = Sobre esta campaña
letter-jump = Escribir su carta
letter-form-title = Su carta
letter-button = Enviar mi carta
letter-next = Después le enviaremos un enlace por correo. Su carta se envía solo después de que lo siga y pulse el botón.
letter-held = Estamos reuniendo cartas antes del lanzamiento de la campaña. Guardamos la suya de forma segura y la enviaremos el día del lanzamiento.
letter-subject-hint = Elija una sugerencia o escriba su propio asunto.
letter-message-hint = Las cartas escritas con sus propias palabras tienen más efecto. Cambie todo lo que quiera. Agregamos el saludo antes de su texto y su nombre al final.
letter-message-hint-fixed = Este texto es igual para todas las personas. Agregamos el saludo antes del texto y su nombre al final.
letter-city-hint = Las autoridades responden primero a la gente de su zona.
letter-show-email-label = Incluir mi correo electrónico en la carta, para que la oficina me pueda responder directamente.
letter-show-email-hint = Si no marca esta casilla, la oficina recibe nuestra dirección de respuesta en lugar de la suya.
letter-sent-title = Qué enviamos, y a quién
letter-sent-what = Enviamos su nombre, su ciudad, su código postal y su carta a:
letter-sent-onward = Una carta enviada no se puede retirar; los ministerios pueden compartirla con otros departamentos.
letter-sent-email = Incluimos su correo electrónico solo si marca la casilla.
letter-data-seen = El equipo organizador puede ver lo que usted escribe. El público ve solo el número de cartas.
letter-protected-note = Los destinatarios de arriba ven su nombre en la carta. Aparte de ellos y del equipo organizador, nadie se entera de que usted escribió.

token-letter-confirm-heading = Envíe su carta
token-letter-confirm-line-1 = Su carta para «{ $title }» está lista.
token-letter-confirm-line-2 = No se envía nada hasta que pulse el botón. Revise una vez más lo que se va a enviar.
token-letter-confirm-button = Enviar mi carta
token-letter-confirm-done-heading = Gracias. Su carta está confirmada.
token-letter-confirm-done-line-1 = Enviamos las cartas a un ritmo constante para que cada una se entregue. La suya puede tardar un poco.
token-letter-confirm-done-line-held = La guardamos de forma segura y la enviaremos el día del lanzamiento de la campaña.
token-letter-manage-heading = Su carta
token-letter-manage-line-1 = Usted ha escrito una carta para «{ $title }».
token-letter-manage-line-2 = Todavía puede cancelar lo que no se ha enviado. Una carta enviada no se puede retirar.
token-letter-manage-button = Cancelar mi carta
token-letter-manage-done-heading = Su carta se canceló
token-letter-manage-done-line-1 = No se enviará nada más en su nombre. Las cartas que ya se enviaron no se pueden retirar.
letter-state-pending = En espera de su confirmación
letter-state-held = En espera del lanzamiento de la campaña
letter-state-queued = En espera de envío
letter-state-sent = Enviada
letter-state-failed = No se pudo entregar
letter-state-uncertain = Entrega incierta
letter-state-cancelled = Cancelada
