#!/usr/bin/env python3
"""Writes src/kernel/country_names.txt and src/kernel/countries.txt from CLDR (by Babel) and ISO 3166 (by pycountry)

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
    "IE": ["Republic of Ireland"], "VN": ["Viet Nam"], "PH": ["The Philippines"],
    "CD": ["DRC", "RDC", "Congo (Kinshasa)", "DR Congo", "D.R. Congo", "Democratic Republic of Congo",
           "République démocratique du Congo", "RD Congo", "Congo-Kinshasa", "Zaire", "Zaïre"],
    "CG": ["Congo-Brazzaville", "Congo (Brazzaville)", "République du Congo", "República del Congo"],
    "DO": ["Dominican Rep."], "BR": ["Brasil"], "ES": ["España"], "DE": ["Deutschland"], "IT": ["Italia"],
    "MX": ["México", "Mexico", "Méjico"], "IN": ["भारत", "Bharat", "Inde", "Hindustan"],
    # those who are asked for a country and write their province
    "CA": ["Can.", "Cda", "ਕੈਨੇਡਾ", "Alberta", "British Columbia", "Colombie-Britannique", "Columbia Británica", "Manitoba",
           "New Brunswick", "Nouveau-Brunswick", "Nuevo Brunswick", "Newfoundland", "Newfoundland and Labrador",
           "Terre-Neuve", "Terre-Neuve-et-Labrador", "Northwest Territories", "Territoires du Nord-Ouest",
           "Nova Scotia", "Nouvelle-Écosse", "Nueva Escocia", "Nunavut", "Ontario", "Prince Edward Island",
           "Île-du-Prince-Édouard", "Québec", "Quebec", "Saskatchewan", "Yukon"], "PE": ["Perú"],
}
locales = [Locale(code) for code in ("en", "fr", "es")]
# languages of forms that supporters fill in elsewhere
others = [Locale.parse(code) for code in ("pa", "pt", "de", "it", "zh", "zh_Hant", "zh_Hant_HK", "hi", "ur", "ar", "fil", "ht")]
states = [state.name for state in pycountry.subdivisions.get(country_code="US") if state.type in ("State", "District")]
with open("src/kernel/country_names.txt", "w", encoding="utf-8") as file:
    for country in sorted(pycountry.countries, key=lambda c: c.alpha_2):
        code = country.alpha_2
        names = [country.alpha_3] + [locale.territories[code] for locale in locales]
        names += [getattr(country, name) for name in ("name", "common_name", "official_name") if hasattr(country, name)]
        names += MORE.get(code, []) + (states if code == "US" else [])
        names += [locale.territories[code] for locale in others if code in locale.territories]
        # either of two countries
        names = [name for name in names if name != "Congo"]
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
