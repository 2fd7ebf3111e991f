//! The file types that ClamAV's signatures name: in `Container:` and `Intermediates:` of logical
//! signatures, and in file type signatures.

mod detect;
#[cfg(test)]
mod peer_tests;

use crate::facts::Target;

macro_rules! file_types {
    ($($variant:ident = $name:literal,)*) => {
        /// A file type, by the name that signatures have for it. Its number stands in definitions
        /// files, so new ones go to the end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum FileType {
            $($variant,)*
        }

        impl FileType {
            /// All of them; each stands at its number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in signatures, such as `CL_TYPE_ZIP`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

// Names as ClamAV 1.4's manual and type table have them; the last ones are newer.
file_types! {
    Any = "CL_TYPE_ANY",
    TextAscii = "CL_TYPE_TEXT_ASCII",
    TextUtf8 = "CL_TYPE_TEXT_UTF8",
    TextUtf16Le = "CL_TYPE_TEXT_UTF16LE",
    TextUtf16Be = "CL_TYPE_TEXT_UTF16BE",
    BinaryData = "CL_TYPE_BINARY_DATA",
    Ignored = "CL_TYPE_IGNORED",
    MsExe = "CL_TYPE_MSEXE",
    Elf = "CL_TYPE_ELF",
    MachO = "CL_TYPE_MACHO",
    MachOUniversal = "CL_TYPE_MACHO_UNIBIN",
    PosixTar = "CL_TYPE_POSIX_TAR",
    OldTar = "CL_TYPE_OLD_TAR",
    CpioOld = "CL_TYPE_CPIO_OLD",
    CpioOdc = "CL_TYPE_CPIO_ODC",
    CpioNewc = "CL_TYPE_CPIO_NEWC",
    CpioCrc = "CL_TYPE_CPIO_CRC",
    Gz = "CL_TYPE_GZ",
    Zip = "CL_TYPE_ZIP",
    Bz = "CL_TYPE_BZ",
    Rar = "CL_TYPE_RAR",
    Arj = "CL_TYPE_ARJ",
    MsSzdd = "CL_TYPE_MSSZDD",
    MsOle2 = "CL_TYPE_MSOLE2",
    MsCab = "CL_TYPE_MSCAB",
    MsChm = "CL_TYPE_MSCHM",
    Sis = "CL_TYPE_SIS",
    ScrEnc = "CL_TYPE_SCRENC",
    Graphics = "CL_TYPE_GRAPHICS",
    Gif = "CL_TYPE_GIF",
    Png = "CL_TYPE_PNG",
    Jpeg = "CL_TYPE_JPEG",
    Tiff = "CL_TYPE_TIFF",
    Riff = "CL_TYPE_RIFF",
    Binhex = "CL_TYPE_BINHEX",
    Tnef = "CL_TYPE_TNEF",
    CryptFf = "CL_TYPE_CRYPTFF",
    Pdf = "CL_TYPE_PDF",
    Uuencoded = "CL_TYPE_UUENCODED",
    HtmlUtf16 = "CL_TYPE_HTML_UTF16",
    Script = "CL_TYPE_SCRIPT",
    Rtf = "CL_TYPE_RTF",
    Html = "CL_TYPE_HTML",
    Mail = "CL_TYPE_MAIL",
    Sfx = "CL_TYPE_SFX",
    ZipSfx = "CL_TYPE_ZIPSFX",
    RarSfx = "CL_TYPE_RARSFX",
    CabSfx = "CL_TYPE_CABSFX",
    ArjSfx = "CL_TYPE_ARJSFX",
    Nulsft = "CL_TYPE_NULSFT",
    Autoit = "CL_TYPE_AUTOIT",
    IshieldMsi = "CL_TYPE_ISHIELD_MSI",
    SevenZip = "CL_TYPE_7Z",
    SevenZipSfx = "CL_TYPE_7ZSFX",
    Swf = "CL_TYPE_SWF",
    Iso9660 = "CL_TYPE_ISO9660",
    Java = "CL_TYPE_JAVA",
    Dmg = "CL_TYPE_DMG",
    Mbr = "CL_TYPE_MBR",
    Gpt = "CL_TYPE_GPT",
    Apm = "CL_TYPE_APM",
    Xar = "CL_TYPE_XAR",
    PartAny = "CL_TYPE_PART_ANY",
    PartHfsPlus = "CL_TYPE_PART_HFSPLUS",
    Xz = "CL_TYPE_XZ",
    OoxmlWord = "CL_TYPE_OOXML_WORD",
    OoxmlPpt = "CL_TYPE_OOXML_PPT",
    OoxmlXl = "CL_TYPE_OOXML_XL",
    Internal = "CL_TYPE_INTERNAL",
    Xdp = "CL_TYPE_XDP",
    XmlWord = "CL_TYPE_XML_WORD",
    XmlXl = "CL_TYPE_XML_XL",
    Hwp3 = "CL_TYPE_HWP3",
    XmlHwp = "CL_TYPE_XML_HWP",
    HwpOle2 = "CL_TYPE_HWPOLE2",
    OoxmlHwp = "CL_TYPE_OOXML_HWP",
    Ps = "CL_TYPE_PS",
    Mhtml = "CL_TYPE_MHTML",
    Lnk = "CL_TYPE_LNK",
    Egg = "CL_TYPE_EGG",
    EggSfx = "CL_TYPE_EGGSFX",
    Udf = "CL_TYPE_UDF",
    Alz = "CL_TYPE_ALZ",
    Onenote = "CL_TYPE_ONENOTE",
    PythonCompiled = "CL_TYPE_PYTHON_COMPILED",
    LhaLzh = "CL_TYPE_LHA_LZH",
    Zstd = "CL_TYPE_ZSTD",
    AiModel = "CL_TYPE_AI_MODEL",
    Other = "CL_TYPE_OTHER",
}

impl FileType {
    /// The number in definitions files.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The type with a number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The type with a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The class of byte patterns for files of this type.
    #[must_use]
    pub const fn target(self) -> Target {
        match self {
            Self::MsExe => Target::Pe,
            Self::MsOle2 => Target::Ole2,
            Self::Html | Self::HtmlUtf16 => Target::Html,
            Self::Mail => Target::Mail,
            Self::Graphics | Self::Gif | Self::Png | Self::Jpeg | Self::Tiff => Target::Graphics,
            Self::Elf => Target::Elf,
            Self::TextAscii | Self::TextUtf8 | Self::TextUtf16Le | Self::TextUtf16Be => {
                Target::Text
            }
            Self::MachO | Self::MachOUniversal => Target::MachO,
            Self::Pdf => Target::Pdf,
            Self::Swf => Target::Flash,
            Self::Java => Target::Java,
            Self::Internal => Target::Internal,
            Self::Other => Target::Other,
            Self::Any
            | Self::BinaryData
            | Self::Ignored
            | Self::PosixTar
            | Self::OldTar
            | Self::CpioOld
            | Self::CpioOdc
            | Self::CpioNewc
            | Self::CpioCrc
            | Self::Gz
            | Self::Zip
            | Self::Bz
            | Self::Rar
            | Self::Arj
            | Self::MsSzdd
            | Self::MsCab
            | Self::MsChm
            | Self::Sis
            | Self::ScrEnc
            | Self::Riff
            | Self::Binhex
            | Self::Tnef
            | Self::CryptFf
            | Self::Uuencoded
            | Self::Script
            | Self::Rtf
            | Self::Sfx
            | Self::ZipSfx
            | Self::RarSfx
            | Self::CabSfx
            | Self::ArjSfx
            | Self::Nulsft
            | Self::Autoit
            | Self::IshieldMsi
            | Self::SevenZip
            | Self::SevenZipSfx
            | Self::Iso9660
            | Self::Dmg
            | Self::Mbr
            | Self::Gpt
            | Self::Apm
            | Self::Xar
            | Self::PartAny
            | Self::PartHfsPlus
            | Self::Xz
            | Self::OoxmlWord
            | Self::OoxmlPpt
            | Self::OoxmlXl
            | Self::Xdp
            | Self::XmlWord
            | Self::XmlXl
            | Self::Hwp3
            | Self::XmlHwp
            | Self::HwpOle2
            | Self::OoxmlHwp
            | Self::Ps
            | Self::Mhtml
            | Self::Lnk
            | Self::Egg
            | Self::EggSfx
            | Self::Udf
            | Self::Alz
            | Self::Onenote
            | Self::PythonCompiled
            | Self::LhaLzh
            | Self::Zstd
            | Self::AiModel => Target::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_stand_at_their_numbers_under_their_names() {
        for (number, file_type) in (0..).zip(FileType::ALL) {
            assert_eq!(file_type.number(), number);
            assert_eq!(FileType::from_number(number), Some(*file_type));
            assert_eq!(FileType::from_name(file_type.name()), Some(*file_type));
        }
        assert_eq!(FileType::from_name("CL_TYPE_NONE_SUCH"), None);
    }
}
