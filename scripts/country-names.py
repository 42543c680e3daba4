#!/usr/bin/env python3
"""Writes src/petitions/country_names.txt and src/kernel/countries.txt from CLDR (by Babel) and ISO 3166 (by pycountry)

pip install Babel pycountry
"""
import pycountry
from babel import Locale

# what people write and CLDR does not
MORE = {
    "US": ["U.S.", "U.S.A.", "United States of America", "America", "États-Unis d’Amérique", "EE. UU.", "EEUU", "E.U.",
           "Estados Unidos de América", "EUA"],
    "GB": ["UK", "U.K.", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland", "Angleterre",
           "Écosse", "Inglaterra", "Escocia", "Gran Bretaña", "Grande-Bretagne"],
    "NL": ["Holland", "The Netherlands", "Hollande", "Holanda"],
    "CZ": ["Czech Republic", "République tchèque", "República Checa"],
    "TR": ["Turkey"], "KR": ["Korea", "Republic of Korea"], "RU": ["Russian Federation"], "PS": ["Palestine"],
    "CI": ["Ivory Coast"], "MM": ["Burma"], "SZ": ["Swaziland"], "MK": ["Macedonia"], "CV": ["Cape Verde"],
    "IE": ["Republic of Ireland"], "VN": ["Viet Nam"], "PH": ["The Philippines"], "CD": ["DRC", "Congo (Kinshasa)"],
    "DO": ["Dominican Rep."], "BR": ["Brasil"], "ES": ["España"], "DE": ["Deutschland"], "IT": ["Italia"],
    "MX": ["México", "Mexico", "Méjico"], "CA": ["Can.", "ਕੈਨੇਡਾ", "कनाडा"], "IN": ["ਭਾਰਤ", "भारत", "Bharat"], "PE": ["Perú"],
}
locales = [Locale(code) for code in ("en", "fr", "es")]
with open("src/petitions/country_names.txt", "w", encoding="utf-8") as file:
    for country in sorted(pycountry.countries, key=lambda c: c.alpha_2):
        code = country.alpha_2
        names = [country.alpha_3] + [locale.territories[code] for locale in locales]
        names += [getattr(country, name) for name in ("name", "common_name", "official_name") if hasattr(country, name)]
        names += MORE.get(code, [])
        file.write("\t".join([code] + list(dict.fromkeys(names))) + "\n")

# what is usual in Canada's Punjabi, other than CLDR
PUNJABI = {"US": "ਅਮਰੀਕਾ", "GB": "ਬਰਤਾਨੀਆ", "CA": "ਕੈਨੇਡਾ",
           "FR": "ਫ਼ਰਾਂਸ", "JM": "ਜਮੈਕਾ", "CO": "ਕੋਲੰਬੀਆ", "NG": "ਨਾਈਜੀਰੀਆ", "PH": "ਫਿਲੀਪੀਨਜ਼"}
with open("src/kernel/countries.txt", "w", encoding="utf-8") as file:
    for country in sorted(pycountry.countries, key=lambda c: c.alpha_2):
        code = country.alpha_2
        names = [locale.territories[code] for locale in locales]
        names.append(PUNJABI.get(code) or Locale("pa").territories[code])
        file.write("\t".join([code] + [name.replace("'", "’") for name in names]) + "\n")
